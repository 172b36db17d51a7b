using Ambient.ApiServer.Streaming;

namespace Ambient.ApiServer.Http;

/// <summary>pods/log, pods/exec and pods/portforward: handed to what runs the pods.</summary>
internal static class PodStreams
{
    public static async Task LogAsync(ResourceRequest request)
    {
        var runtime = Runtime(request);
        var log = new PodLogRequest(
            request.Namespace,
            request.Name,
            Container(request),
            Flag(request, "follow"),
            Reader.Number(request, "tailLines"),
            Flag(request, "previous"),
            Reader.Number(request, "sinceSeconds"),
            Flag(request, "timestamps"),
            Reader.Number(request, "limitBytes"));
        request.Http.Response.ContentType = "text/plain";
        using var end = CancellationTokenSource.CreateLinkedTokenSource(request.Http.RequestAborted, request.Server.Stopping.Token);
        try
        {
            await runtime.WriteLogAsync(log, request.Http.Response.Body, end.Token).ConfigureAwait(false);
        }
        catch (KeyNotFoundException error)
        {
            throw Refusal.BadRequest(error.Message);
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The reader has gone, or the server ends.
        }
    }

    public static async Task ExecAsync(ResourceRequest request)
    {
        var runtime = Runtime(request);
        var command = request.Http.Request.Query["command"].Select(word => word ?? "").ToList();
        if (command.Count == 0)
        {
            throw Refusal.BadRequest("you must specify at least 1 command for the container");
        }

        var exec = new PodExecRequest(request.Namespace, request.Name, Container(request), command, Flag(request, "tty"));
        await ExecSession.RunAsync(request.Http, runtime, exec, request.Server.Stopping.Token).ConfigureAwait(false);
    }

    public static Task ForwardAsync(ResourceRequest request) =>
        PortForwardSession.RunAsync(request.Http, Runtime(request), request.Namespace, request.Name, request.Server.Stopping.Token);

    private static IPodRuntime Runtime(ResourceRequest request)
    {
        var pod = request.Server.Store.Find("/pods", request.Namespace, request.Name) ?? throw request.NotFound();
        if (Container(request) is { } container
            && !pod.Thaw("Pod", "v1").ObjectsAt("spec", "containers").Any(item => item.TextAt("name") == container))
        {
            throw Refusal.BadRequest($"container {container} is not valid for pod {request.Name}");
        }

        if (pod.Field("spec.nodeName").Length == 0)
        {
            throw Refusal.BadRequest($"pod {request.Name} does not have a host assigned");
        }

        return request.Server.Options.PodRuntime
            ?? throw new ApiException(501, "NotImplemented", "this server runs no pods, so it has no logs and runs no commands", []);
    }

    private static string? Container(ResourceRequest request) => request.Query("container") is { Length: > 0 } name ? name : null;

    private static bool Flag(ResourceRequest request, string name) => request.Query(name) is "true" or "1";
}
