using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Ambient.Kubernetes.Tests;

/// <summary>A real HTTP server that answers as the test says, for what a well-behaved API server never does.</summary>
internal sealed class ScriptedServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private ScriptedServer(WebApplication app) => _app = app;

    /// <summary>Path and query of each request, in order.</summary>
    public ConcurrentQueue<string> Requests { get; } = new();

    public Uri Address => new(_app.Urls.Single());

    public KubernetesClient Client(string? tokenFile = null) => new(new KubeConfig { Server = Address, TokenFile = tokenFile });

    public static async Task<ScriptedServer> StartAsync(Func<HttpContext, Task> answer)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var server = new ScriptedServer(app);
        app.Run(context =>
        {
            server.Requests.Enqueue(context.Request.Path + context.Request.QueryString);
            return answer(context);
        });
        await app.StartAsync();
        return server;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
