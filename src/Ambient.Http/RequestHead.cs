using Ambient.Http.Fields;

namespace Ambient.Http;

/// <summary>
/// The head of a request, the same for both protocols. What a server hands out has been checked and cleaned: the path is normalised
/// by the rules of Istio's waypoints, there is one authority, framing is told by <see cref="ContentLength"/> and <see cref="HasBody"/>
/// alone, and fields that concern one hop only (connection, keep-alive, transfer-encoding, upgrade and whatever <c>connection</c> names) are gone;
/// <c>te: trailers</c> and <c>content-length</c> stay among the fields. A handler may change it and send it on.
/// A server's connection uses it again for the next request: it is valid until the handler has returned.
/// </summary>
public sealed class RequestHead
{
    private readonly ByteText _authority = new();
    private readonly ByteText _path = new();
    private readonly ByteText _query = new();

    /// <summary>The method, in upper case; the usual ones are always the same string.</summary>
    public string Method { get; set; } = "GET";

    /// <summary><c>http</c> or <c>https</c>, as the request's target or <c>:scheme</c> says; nothing proves it.</summary>
    public string Scheme { get; set; } = "http";

    /// <summary><c>host</c> or <c>:authority</c>: host and perhaps port, as they were sent.</summary>
    public string Authority
    {
        get => _authority.Text;
        set => _authority.Set(value);
    }

    /// <summary>The authority's bytes.</summary>
    public ReadOnlySpan<byte> AuthorityBytes
    {
        get => _authority.Bytes;
        set => _authority.Set(value);
    }

    /// <summary>The path, normalised, without the query.</summary>
    public string Path
    {
        get => _path.Text;
        set => _path.Set(value);
    }

    /// <summary>The path's bytes.</summary>
    public ReadOnlySpan<byte> PathBytes
    {
        get => _path.Bytes;
        set => _path.Set(value);
    }

    /// <summary>The query with its question mark, as it was sent; empty if there is none.</summary>
    public string Query
    {
        get => _query.Text;
        set => _query.Set(value);
    }

    /// <summary>The query's bytes.</summary>
    public ReadOnlySpan<byte> QueryBytes
    {
        get => _query.Bytes;
        set => _query.Set(value);
    }

    /// <summary>The fields.</summary>
    public FieldList Fields { get; } = new();

    /// <summary>Bytes of the body, if they were told in advance.</summary>
    public long? ContentLength { get; set; }

    /// <summary>A body follows; without <see cref="ContentLength"/> its end shows when it comes.</summary>
    public bool HasBody { get; set; }

    /// <summary>The protocol it came by.</summary>
    public HttpVersion Version { get; set; }

    /// <summary>The protocol that the client asks to change to, in lower case; only <c>websocket</c> gets this far. Null: none.</summary>
    public string? Upgrade { get; set; }

    /// <summary>
    /// The client waits for 100 (Continue) before it sends its body. A server sends it when the body is first read, and the field is gone.
    /// </summary>
    public bool ExpectsContinue { get; set; }

    /// <summary>The client takes trailer fields: HTTP/2, or <c>te: trailers</c>.</summary>
    public bool TakesTrailers { get; set; }

    /// <summary>Bytes of the head as it arrived, for the statistics of request sizes.</summary>
    public int ReceivedBytes { get; internal set; }

    /// <summary>Becomes a copy, for an attempt that is changed by itself or outlives the handler.</summary>
    public void CopyFrom(RequestHead other)
    {
        ArgumentNullException.ThrowIfNull(other);
        Method = other.Method;
        Scheme = other.Scheme;
        _authority.Set(other._authority.Bytes);
        _path.Set(other._path.Bytes);
        _query.Set(other._query.Bytes);
        Fields.CopyFrom(other.Fields);
        ContentLength = other.ContentLength;
        HasBody = other.HasBody;
        Version = other.Version;
        Upgrade = other.Upgrade;
        ExpectsContinue = other.ExpectsContinue;
        TakesTrailers = other.TakesTrailers;
        ReceivedBytes = other.ReceivedBytes;
    }

    /// <summary>Gives the fields' memory back and forgets what one request told.</summary>
    internal void Reset()
    {
        Fields.Clear();
        ContentLength = null;
        HasBody = ExpectsContinue = TakesTrailers = false;
        Upgrade = null;
        Scheme = "http";
        ReceivedBytes = 0;
    }
}
