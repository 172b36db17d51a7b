namespace Ambient.Http.Fields;

/// <summary>Field names that the layer itself has to know. Everything else is <see cref="Other"/> and passes through.</summary>
public enum FieldKind : byte
{
    /// <summary>A field that means nothing to this layer.</summary>
    Other,

    /// <summary><c>host</c>.</summary>
    Host,

    /// <summary><c>content-length</c>.</summary>
    ContentLength,

    /// <summary><c>transfer-encoding</c>.</summary>
    TransferEncoding,

    /// <summary><c>connection</c>.</summary>
    Connection,

    /// <summary><c>keep-alive</c>, <c>proxy-connection</c> and <c>http2-settings</c>: they concern one hop and are dropped.</summary>
    HopByHop,

    /// <summary><c>te</c>.</summary>
    Te,

    /// <summary><c>upgrade</c>.</summary>
    Upgrade,

    /// <summary><c>expect</c>.</summary>
    Expect,

    /// <summary><c>date</c>.</summary>
    Date,

    /// <summary>Tells who the caller is or how it came here: no peer may have it removed by naming it in <c>connection</c>.</summary>
    Forwarding,

    /// <summary>Claims that only this mesh may make, or orders to a proxy: dropped from requests as they arrive.</summary>
    Reserved,
}
