namespace Ambient.Identity.Tls.Records;

/// <summary>The alerts that we send or tell apart (RFC 8446 §6).</summary>
internal enum Alert : byte
{
    CloseNotify = 0,
    UnexpectedMessage = 10,
    BadRecordMac = 20,
    RecordOverflow = 22,
    IllegalParameter = 47,
    DecodeError = 50,
    InternalError = 80,
    UserCanceled = 90,
}

/// <summary>What arrived, or what has to be sent, ends the session with an alert.</summary>
internal sealed class AlertException(Alert alert, string complaint) : Exception(complaint)
{
    public Alert Alert { get; } = alert;
}
