namespace Ambient.Identity.Tls.Records;

/// <summary>Records made and opened by libssl, which costs a copy each way: the plain and proven choice.</summary>
internal sealed class LibSslRecords(TlsSession session) : TlsRecords
{
    public override ReadOnlySpan<byte> Farewell => TlsSession.Output;

    public override ReadOnlySpan<byte> Answer => TlsSession.Output;

    public override RecordContent Open(Span<byte> record)
    {
        var length = session.Open(record, out var closed);
        return new RecordContent(0, length, closed);
    }

    public override int Seal(Span<byte> slot, int payload)
    {
        session.Seal(slot.Slice(HeaderSize, payload));
        return TakeOutput(slot);
    }

    public override int Close(Span<byte> slot)
    {
        session.Close();
        return TakeOutput(slot);
    }

    public override void Dispose() => session.Dispose();

    private static int TakeOutput(Span<byte> slot)
    {
        TlsSession.Output.CopyTo(slot);
        return TlsSession.Output.Length;
    }
}
