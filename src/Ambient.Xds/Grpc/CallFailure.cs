using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;

namespace Ambient.Xds.Grpc;

/// <summary>Turns what the HTTP client throws into a status and a sentence that names the server.</summary>
internal static class CallFailure
{
    /// <summary>RFC 9113 §7.</summary>
    private const long NoError = 0, ProtocolError = 1, RefusedStream = 7, Cancel = 8, EnhanceYourCalm = 11, InadequateSecurity = 12;

    public static GrpcException Explain(Exception failure, Uri address, string? certificateProblem)
    {
        for (var inner = failure; inner is not null; inner = inner.InnerException)
        {
            switch (inner)
            {
                case GrpcException known:
                    return known;
                case AuthenticationException tls:
                    return Unavailable($"TLS with {address} failed: {certificateProblem ?? tls.Message}");
                case SocketException socket:
                    return Unavailable($"cannot connect to {address}: {socket.Message}");
                case HttpProtocolException protocol:
                    return new GrpcException(StatusOf(protocol.ErrorCode), $"the stream with {address} broke off: {protocol.Message}", failure);
                case TimeoutException:
                    return Unavailable($"cannot connect to {address}: it did not answer in time");
            }
        }

        return failure is OperationCanceledException
            ? new GrpcException(GrpcStatus.Cancelled, $"the call to {address} was ended here", failure)
            : Unavailable($"the connection to {address} was lost: {Innermost(failure)}");

        GrpcException Unavailable(string text) => new(GrpcStatus.Unavailable, text, failure);
    }

    private static GrpcStatus StatusOf(long code) => code switch
    {
        // A PING without answer is reported as an error of the protocol.
        NoError or ProtocolError or RefusedStream => GrpcStatus.Unavailable,
        Cancel => GrpcStatus.Cancelled,
        EnhanceYourCalm => GrpcStatus.ResourceExhausted,
        InadequateSecurity => GrpcStatus.PermissionDenied,
        _ => GrpcStatus.Internal,
    };

    private static string Innermost(Exception failure)
    {
        while (failure.InnerException is not null)
        {
            failure = failure.InnerException;
        }

        return failure.Message;
    }
}
