namespace Ambient.Identity.Tls;

/// <summary>A TLS session failed. The message says what was seen and where to look.</summary>
public sealed class TlsException : IOException
{
    /// <summary>Describes a failure.</summary>
    public TlsException(TlsFailure failure, string message, Exception? inner = null)
        : base(message, inner) => Failure = failure;

    /// <summary>What kind of failure it is.</summary>
    public TlsFailure Failure { get; }
}

/// <summary>The part a TLS endpoint plays.</summary>
public enum TlsRole
{
    /// <summary>Opens connections.</summary>
    Client,

    /// <summary>Accepts connections.</summary>
    Server,
}
