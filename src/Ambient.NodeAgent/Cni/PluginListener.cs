using System.Globalization;
using System.Net;
using System.Text.Json;
using Ambient.NodeAgent.Enrolment;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Ambient.NodeAgent.Cni;

/// <summary>Where the CNI plugin asks the agent: HTTP over a Unix socket that only the node's root reaches.</summary>
internal sealed class PluginListener(string runFolder, Enrolments enrolments, AgentMetrics metrics, ILoggerFactory loggers)
{
    public const string SocketName = "pluginevent.sock";

    /// <summary>The largest request: a pod has a handful of addresses.</summary>
    private const int LargestRequest = 64 * 1024;

    private readonly ILogger _logger = loggers.CreateLogger<PluginListener>();

    public async Task<IAsyncDisposable> StartAsync(CancellationToken cancellation)
    {
        Directory.CreateDirectory(runFolder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var path = Path.Combine(runFolder, SocketName);
        File.Delete(path);

        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.ListenUnixSocket(path);
            kestrel.Limits.MaxRequestBodySize = LargestRequest;
        });
        var app = builder.Build();
        app.Run(AnswerAsync);
        await app.StartAsync(cancellation);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        _logger.PluginListening(path);
        return app;
    }

    private async Task AnswerAsync(HttpContext context)
    {
        var (status, text) = context.Request.Path == "/cmdadd" && HttpMethods.IsPost(context.Request.Method)
            ? await AddAsync(context)
            : (StatusCodes.Status404NotFound, "POST /cmdadd is all there is.");
        metrics.PluginRequest(status);
        context.Response.StatusCode = status;
        await context.Response.WriteAsync(text, context.RequestAborted);
    }

    private async Task<(int Status, string Text)> AddAsync(HttpContext context)
    {
        CniAddRequest? request;
        try
        {
            request = await JsonSerializer.DeserializeAsync(context.Request.Body, CniAgentJson.Default.CniAddRequest, context.RequestAborted);
        }
        catch (JsonException failure)
        {
            return (StatusCodes.Status400BadRequest, $"The request is not JSON: {failure.Message}");
        }

        if (request is not { Netns.Length: > 0, PodName.Length: > 0, PodNamespace.Length: > 0 })
        {
            return (StatusCodes.Status400BadRequest, "Netns, PodName and PodNamespace are required.");
        }

        var addresses = new List<IPAddress>();
        foreach (var entry in request.IPs ?? [])
        {
            if (!IPAddress.TryParse(entry.Address?.IP, out var address))
            {
                return (StatusCodes.Status400BadRequest, string.Create(CultureInfo.InvariantCulture, $"'{entry.Address?.IP}' is no IP address."));
            }

            addresses.Add(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address);
        }

        var refusal = await enrolments.AddFromRuntimeAsync(request.PodNamespace, request.PodName, request.Netns, addresses, context.RequestAborted);
        return refusal is null ? (StatusCodes.Status200OK, "") : (StatusCodes.Status500InternalServerError, refusal);
    }
}
