using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Ambient.Linux;
using Ambient.Sandbox.Echo;

namespace Ambient.Sandbox.Tests.EndToEnd;

/// <summary>An HTTP client whose connections are made inside a pod's network, so that the pod's capture applies to them.</summary>
internal sealed class PodHttp : IDisposable
{
    private readonly NetworkNamespace _pod;

    public PodHttp(string networkNamespace, string address, int port)
    {
        _pod = NetworkNamespace.Open(networkNamespace);
        var to = new IPEndPoint(IPAddress.Parse(address), port);
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            AllowAutoRedirect = false,
            ConnectCallback = async (_, ct) =>
            {
                var socket = _pod.CreateSocket(to.AddressFamily);
                try
                {
                    await socket.ConnectAsync(to, ct);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch (Exception failure) when (failure is SocketException or IOException)
                {
                    socket.Dispose();
                    throw new HttpRequestException($"no connection to {to}", failure);
                }
            },
        };
        Client = new HttpClient(handler) { Timeout = TimeSpan.FromSeconds(10), BaseAddress = new Uri("http://service.gated/") };
    }

    /// <summary>Whatever it asks goes to the one address.</summary>
    public HttpClient Client { get; }

    /// <summary>Asks, with fields written as <c>name: value</c>; the answer is of the echo server where the status is 200.</summary>
    public async Task<PodAnswer> AskAsync(string path, params string[] fields) => await AskAsync(HttpMethod.Get, path, fields);

    public async Task<PodAnswer> AskAsync(HttpMethod method, string path, params string[] fields)
    {
        using var request = new HttpRequestMessage(method, path);
        foreach (var field in fields)
        {
            var at = field.IndexOf(':', StringComparison.Ordinal);
            request.Headers.Add(field[..at], field[(at + 1)..].Trim());
        }

        using var response = await SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        var headers = response.Headers.ToDictionary(header => header.Key.ToLowerInvariant(), header => string.Join(", ", header.Value), StringComparer.Ordinal);
        return new PodAnswer((int)response.StatusCode, headers, text, response.StatusCode == HttpStatusCode.OK ? JsonSerializer.Deserialize(text, EchoJson.Default.EchoAnswer) : null);
    }

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request)
    {
        try
        {
            return await Client.SendAsync(request);
        }
        catch (SocketException failure)
        {
            // Reset between the connection's begin and the client's look at it: the client does not wrap that.
            throw new HttpRequestException("the connection was reset at once", failure);
        }
    }

    /// <summary>
    /// Asks until the answer is as wanted, each time on a connection of its own: until the node's proxy knows a new service, it may refuse a
    /// connection or let it go directly, and what is open stays so.
    /// </summary>
    public async Task UntilAsync(Func<PodAnswer, bool> wanted, string what, string path, params string[] fields)
    {
        // Some hundred milliseconds on an idle machine; tests run beside others.
        await Wait.ForAsync(
            async () =>
            {
                try
                {
                    return wanted(await AskAsync(path, [.. fields, "connection: close"]));
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            },
            TimeSpan.FromSeconds(15), what);
    }

    public void Dispose()
    {
        Client.Dispose();
        _pod.Dispose();
    }
}

/// <summary>What came back.</summary>
internal sealed record PodAnswer(int Status, IReadOnlyDictionary<string, string> Headers, string Text, EchoAnswer? Echo)
{
    /// <summary>Which version of the server answered: <c>server-v1</c> or <c>server-v2</c>; empty if none did.</summary>
    public string Server => Echo is null ? "" : Echo.Pod[..9];
}
