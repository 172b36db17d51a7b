using Ambient.Http.Fields;

namespace Ambient.Http;

/// <summary>
/// The head of a response, the same for both protocols. What a client hands out has been checked and cleaned of fields that concern one
/// hop only. It is valid until its exchange is disposed.
/// </summary>
public sealed class ResponseHead
{
    /// <summary>100 to 999. 101 only for an accepted upgrade.</summary>
    public int Status { get; set; }

    /// <summary>The fields.</summary>
    public FieldList Fields { get; } = new();

    /// <summary>Bytes of the body, if they were told in advance; of the body there would have been for HEAD and 304.</summary>
    public long? ContentLength { get; set; }

    /// <summary>A body follows; without <see cref="ContentLength"/> its end shows when it comes.</summary>
    public bool HasBody { get; set; }

    /// <summary>The protocol it came by.</summary>
    public HttpVersion Version { get; set; }

    /// <summary>Bytes of the head as it arrived, for the statistics of response sizes.</summary>
    public int ReceivedBytes { get; internal set; }

    /// <summary>Becomes a copy, for a response that outlives its exchange.</summary>
    public void CopyFrom(ResponseHead other)
    {
        ArgumentNullException.ThrowIfNull(other);
        Status = other.Status;
        Fields.CopyFrom(other.Fields);
        ContentLength = other.ContentLength;
        HasBody = other.HasBody;
        Version = other.Version;
        ReceivedBytes = other.ReceivedBytes;
    }

    /// <summary>Forgets everything and gives the fields' memory back; for heads that a handler uses again.</summary>
    public void Reset()
    {
        Fields.Clear();
        Status = 0;
        ContentLength = null;
        HasBody = false;
        ReceivedBytes = 0;
    }
}
