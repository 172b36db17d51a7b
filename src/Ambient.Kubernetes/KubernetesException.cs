using System.Net;

namespace Ambient.Kubernetes;

/// <summary>The API server refused a request, or answered something that is not the API.</summary>
public sealed class KubernetesException : IOException
{
    /// <summary>Makes the exception from the parts of a Status object.</summary>
    public KubernetesException(HttpStatusCode status, string reason, string message, string request)
        : base($"{request}: {(int)status} {reason}: {message}")
    {
        Status = status;
        Reason = reason;
        ServerMessage = message;
    }

    /// <summary>The HTTP status, or the code inside a watch's ERROR event.</summary>
    public HttpStatusCode Status { get; }

    /// <summary>The machine-readable reason, e.g. <c>NotFound</c>, <c>AlreadyExists</c>, <c>Conflict</c>, <c>Expired</c>.</summary>
    public string Reason { get; }

    /// <summary>The server's sentence, without the request that <see cref="Exception.Message"/> puts before it.</summary>
    public string ServerMessage { get; }

    /// <summary>404.</summary>
    public bool IsNotFound => Status == HttpStatusCode.NotFound;

    /// <summary>409 for a name that is taken.</summary>
    public bool IsAlreadyExists => Reason == "AlreadyExists";

    /// <summary>409 for a resource version that is not the newest, or for a field that another manager owns.</summary>
    public bool IsConflict => Status == HttpStatusCode.Conflict && !IsAlreadyExists;

    /// <summary>504: the server has not come to this version; when it never does, the version is of an earlier life of the server.</summary>
    public bool IsVersionAhead =>
        Status == HttpStatusCode.GatewayTimeout && ServerMessage.Contains("Too large resource version", StringComparison.Ordinal);

    /// <summary>410: the resource version, or the continue token, lies further back than the server remembers.</summary>
    public bool IsExpired => Status == HttpStatusCode.Gone;
}
