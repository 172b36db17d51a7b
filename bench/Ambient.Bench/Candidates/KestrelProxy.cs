using System.Net;
using System.Text;
using Ambient.Linux;
using Ambient.Telemetry.Metrics;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ambient.Bench.Candidates;

/// <summary>
/// A reverse proxy of Kestrel over our event loops with SocketsHttpHandler behind it. A connection, its requests and the connections that
/// they go out on stay on one loop. Forwards as YARP does: a message for each request, all fields but those of the hop.
/// </summary>
internal sealed class KestrelProxy : IHttpApplication<IFeatureCollection>
{
    private readonly string _upstream;
    private readonly IPEndPoint _target;
    private readonly Dictionary<EventLoop, HttpMessageInvoker> _invokers = [];
    private readonly Counter _requests;
    private readonly Histogram _durations;
    private readonly TimeProvider _time = TimeProvider.System;

    private KestrelProxy(IPEndPoint upstream, IReadOnlyList<EventLoop> loops)
    {
        _target = upstream;
        _upstream = $"http://{upstream}";
        var metrics = new MetricRegistry();
        _requests = metrics.Counter("requests", "Requests.").With(LabelValues.None);
        _durations = metrics.Histogram("durations", "Durations.", [0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000]).With(LabelValues.None);
        foreach (var loop in loops)
        {
            _invokers[loop] = new HttpMessageInvoker(new SocketsHttpHandler
            {
                AllowAutoRedirect = false,
                AutomaticDecompression = DecompressionMethods.None,
                UseCookies = false,
                UseProxy = false,
                ActivityHeadersPropagator = null,
                PooledConnectionIdleTimeout = TimeSpan.FromHours(1),
                ConnectCallback = (_, cancellation) => LoopStream.ConnectAsync(loop, _target, cancellation),
            });
        }
    }

    public static async Task RunAsync(string listen, string upstream)
    {
        OpenFileLimit.Raise();
        var loops = Enumerable.Range(0, Environment.ProcessorCount).Select(i => EventLoop.Start($"proxy-{i}")).ToList();
        var options = new KestrelServerOptions { AddServerHeader = false };
        options.Limits.MinRequestBodyDataRate = null;
        options.Limits.MinResponseDataRate = null;
        options.Limits.KeepAliveTimeout = TimeSpan.FromHours(1);
        options.Listen(IPEndPoint.Parse(listen), endPoint => endPoint.Protocols = HttpProtocols.Http1);
        using var server = new KestrelServer(Microsoft.Extensions.Options.Options.Create(options), new LoopListenerFactory(loops), NullLoggerFactory.Instance);
        await server.StartAsync(new KestrelProxy(IPEndPoint.Parse(upstream), loops), default);
        await Task.Delay(Timeout.Infinite);
    }

    public IFeatureCollection CreateContext(IFeatureCollection contextFeatures) => contextFeatures;

    public void DisposeContext(IFeatureCollection context, Exception? exception)
    {
    }

    public async Task ProcessRequestAsync(IFeatureCollection context)
    {
        var began = _time.GetTimestamp();
        var request = context.GetRequiredFeature<IHttpRequestFeature>();
        var response = context.GetRequiredFeature<IHttpResponseFeature>();
        if (!IsAllowed(request) || !request.Path.StartsWith('/'))
        {
            response.StatusCode = 403;
            return;
        }

        using var outgoing = new HttpRequestMessage(HttpMethod.Parse(request.Method), _upstream + request.RawTarget);
        foreach (var (name, values) in request.Headers)
        {
            if (!IsOfTheHop(name))
            {
                outgoing.Headers.TryAddWithoutValidation(name, (IEnumerable<string>)values!);
            }
        }

        using var answer = await _invokers[LoopOf(context)].SendAsync(outgoing, default);
        response.StatusCode = (int)answer.StatusCode;
        foreach (var (name, values) in answer.Headers.NonValidated)
        {
            if (!IsOfTheHop(name))
            {
                response.Headers.Append(name, values.ToString());
            }
        }

        foreach (var (name, values) in answer.Content.Headers.NonValidated)
        {
            response.Headers.Append(name, values.ToString());
        }

        var body = context.GetRequiredFeature<IHttpResponseBodyFeature>().Writer;
        using var content = await answer.Content.ReadAsStreamAsync();
        while (await content.ReadAsync(body.GetMemory(4096)) is > 0 and var count)
        {
            body.Advance(count);
            if (answer.Content.Headers.ContentLength is null or > 4096)
            {
                await body.FlushAsync();
            }
        }

        _requests.Add();
        _durations.Observe(_time.GetElapsedTime(began).TotalMilliseconds);
    }

    private static EventLoop LoopOf(IFeatureCollection context) => EventLoop.Current ?? context.GetRequiredFeature<LoopConnection>().Loop;

    /// <summary>One rule of a policy: a method and a path's prefix.</summary>
    private static bool IsAllowed(IHttpRequestFeature request) =>
        request.Method is "GET" or "POST" && request.Path.StartsWith('/');

    private static bool IsOfTheHop(string name) => name.Length switch
    {
        2 => name.Equals("TE", StringComparison.OrdinalIgnoreCase),
        7 => name.Equals("Upgrade", StringComparison.OrdinalIgnoreCase) || name.Equals("Trailer", StringComparison.OrdinalIgnoreCase),
        10 => name.Equals("Connection", StringComparison.OrdinalIgnoreCase) || name.Equals("Keep-Alive", StringComparison.OrdinalIgnoreCase),
        17 => name.Equals("Transfer-Encoding", StringComparison.OrdinalIgnoreCase),
        _ => false,
    };
}
