using System.Net;
using System.Net.Http.Headers;

namespace Ambient.Kubernetes;

/// <summary>
/// Puts the bearer token on each request. A token file is read again when it is a minute old, and at once when the
/// server answers 401: the kubelet rewrites it at 80 % of its life, and an API server that was replaced knows no old tokens.
/// </summary>
internal sealed class BearerToken(string? fixedToken, string? file, TimeProvider time, HttpMessageHandler inner)
    : DelegatingHandler(inner)
{
    /// <summary>As client-go: far less than the shortest token life (10 min), rare enough to cost nothing.</summary>
    private static readonly TimeSpan ReadAgainAfter = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private string? _token;
    private long _readAt;

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var used = Current();
        Authorize(request, used);
        var response = await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
        if (response.StatusCode != HttpStatusCode.Unauthorized || file is null)
        {
            return response;
        }

        var fresh = ReadFile();
        if (fresh == used)
        {
            return response;
        }

        // Request bodies here are byte arrays, so the request can be sent again.
        response.Dispose();
        Authorize(request, fresh);
        return await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
    }

    private static void Authorize(HttpRequestMessage request, string? token) =>
        request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);

    private string? Current()
    {
        if (file is null)
        {
            return fixedToken;
        }

        lock (_gate)
        {
            if (_token is not null && time.GetElapsedTime(_readAt) < ReadAgainAfter)
            {
                return _token;
            }
        }

        return ReadFile();
    }

    private string ReadFile()
    {
        var token = File.ReadAllText(file!).Trim();
        lock (_gate)
        {
            _token = token;
            _readAt = time.GetTimestamp();
        }

        return token;
    }
}
