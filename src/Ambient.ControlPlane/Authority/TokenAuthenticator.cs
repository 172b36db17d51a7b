using Ambient.Api;
using Ambient.Api.Kubernetes;
using Ambient.Kubernetes;
using Ambient.Xds.Grpc;
using Microsoft.Extensions.Logging;

namespace Ambient.ControlPlane.Authority;

/// <summary>Learns from the API server whose a service account token is.</summary>
/// <param name="client">Asks the API server.</param>
/// <param name="audiences">The token must be meant for one of them.</param>
/// <param name="trustDomain">The trust domain of callers.</param>
/// <param name="logger">Told why a token was refused; the caller is not.</param>
internal sealed class TokenAuthenticator(KubernetesClient client, IReadOnlyList<string> audiences, string trustDomain, ILogger logger)
{
    private const string ServiceAccountsGroup = "system:serviceaccounts";
    private const string PodName = "authentication.kubernetes.io/pod-name";
    private const string PodUid = "authentication.kubernetes.io/pod-uid";

    /// <summary>The caller that the call's bearer token stands for.</summary>
    /// <exception cref="GrpcException">Unauthenticated, or Unavailable where the token cannot be checked.</exception>
    public async Task<Caller> AuthenticateAsync(ServerCallContext context)
    {
        if (context.BearerToken is not { Length: > 0 } token)
        {
            throw Refused(context, "the call has no bearer token");
        }

        TokenReviewStatus review;
        try
        {
            review = await client.ReviewTokenAsync(token, audiences, context.Cancellation);
        }
        catch (Exception error) when (error is IOException or HttpRequestException or TaskCanceledException && !context.Cancellation.IsCancellationRequested)
        {
            Log.ReviewFailed(logger, context.Peer, error);
            throw new GrpcException(GrpcStatus.Unavailable, "tokens cannot be checked now; try again");
        }

        return Read(review, trustDomain, audiences, out var caller) is { } why ? throw Refused(context, why) : caller!;
    }

    /// <summary>Reads the API server's answer; returns why it is no caller of ours, or null.</summary>
    internal static string? Read(TokenReviewStatus review, string trustDomain, IReadOnlyList<string> audiences, out Caller? caller)
    {
        caller = null;
        if (review.Authenticated != true)
        {
            return $"the API server does not accept the token: {review.Error ?? "no reason given"}";
        }

        // A server that knows no audiences answers with none, and then the token may be meant for anybody.
        if (review.Audiences?.Intersect(audiences).Any() != true)
        {
            return $"the token is for none of the audiences {string.Join(", ", audiences)} (TOKEN_AUDIENCES)";
        }

        if (review.User?.Groups?.Contains(ServiceAccountsGroup) != true
            || review.User.Username?.Split(':') is not ["system", "serviceaccount", { Length: > 0 } ns, { Length: > 0 } account])
        {
            return $"the token's user {review.User?.Username} is no service account";
        }

        caller = new Caller(new SpiffeId(trustDomain, ns, account), Extra(review.User, PodName), Extra(review.User, PodUid));
        return null;
    }

    private static string? Extra(UserInfo user, string key) => user.Extra?.GetValueOrDefault(key) is [var first, ..] ? first : null;

    private GrpcException Refused(ServerCallContext context, string why)
    {
        Log.CallerRefused(logger, context.Peer, why);
        return new GrpcException(GrpcStatus.Unauthenticated, "request authenticate failure");
    }
}
