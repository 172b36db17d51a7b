using System.CommandLine;
using System.Net;
using System.Text.Json.Nodes;
using Ambient.Cli.Clusters;
using Ambient.Kubernetes;
using Ambient.Mesh.Explanation;

namespace Ambient.Cli.Explain;

/// <summary><c>ambientctl explain</c>.</summary>
internal static class ExplainCommand
{
    /// <summary>The exit code for what the mesh refuses; 1 is for what went wrong.</summary>
    private const int Refused = 2;

    public static Command Build()
    {
        var cluster = new ClusterOptions();
        var source = new Argument<string>("SOURCE") { Description = "Who calls: NAMESPACE/NAME of a pod, a deployment or a service account, or an address." };
        var destination = new Argument<string>("DESTINATION:PORT") { Description = "Who is called: a service as the caller writes it, NAMESPACE/NAME of a pod, or an address." };
        var method = new Argument<string?>("METHOD") { Description = "The request's method.", Arity = ArgumentArity.ZeroOrOne };
        var path = new Argument<string?>("PATH") { Description = "The request's path, with its query.", Arity = ArgumentArity.ZeroOrOne };
        var files = new Option<string[]>("--file", "-f") { Description = "Explain what these manifests would do, without a cluster: a file or a folder of YAML. May be given several times.", HelpName = "FILE|DIR" };
        var headers = new Option<string[]>("--header", "-H") { Description = "A header of the request: 'name: value'. May be given several times.", HelpName = "HEADER" };
        var json = new Option<bool>("--json") { Description = "Print the answers of the proxies as JSON." };
        var command = new Command("explain", """
            Say what the mesh would do with a connection or a request, and why: proxy by proxy, with the policy, the rule and the attribute that
            decide. The proxies themselves are asked, or, with -f, their own code about what manifests would make of them. Nothing is sent to
            the destination. Exits with 0 if it goes through, with 2 if it is refused.

            Examples:
              ambientctl explain shop/web catalog.shop:80
              ambientctl explain shop/web catalog:80 DELETE /books/1 -H 'x-user: ann'
              ambientctl explain shop/web bank/ledger:8080 -f deploy/samples
            """) { source, destination, method, path, files, headers, json };
        cluster.AddTo(command);
        command.SetAction((parsed, ct) =>
        {
            Task<int> ExplainAsync(IExplainedMesh mesh) => RunAsync(
                mesh, parsed.GetValue(source)!, parsed.GetValue(destination)!, RequestOf(parsed.GetValue(method), parsed.GetValue(path), parsed.GetValue(headers) ?? []),
                parsed.GetValue(json), ct);
            return parsed.GetValue(files) is { Length: > 0 } manifests
                ? Guard.RunAsync(async () =>
                {
                    var accepted = await ManifestCheck.RunAsync([.. manifests.SelectMany(Load)], Console.Error, ct);
                    await using var mesh = await OfflineMesh.DeriveAsync(accepted, cluster.NamespaceOf(parsed) ?? "default", Console.Error, ct);
                    return await ExplainAsync(mesh);
                })
                : cluster.RunAsync(parsed, async client =>
                {
                    await using var mesh = new LiveMesh(client);
                    return await ExplainAsync(mesh);
                });
        });
        return command;
    }

    private static async Task<int> RunAsync(IExplainedMesh mesh, string source, string destination, AskedRequest request, bool json, CancellationToken ct)
    {
        var written = DestinationName.Parse(destination);
        var from = await mesh.FindAsync(source, ct);
        var to = await mesh.ResolveAsync(written, from, ct);
        var answers = await Walk.RunAsync(mesh, from, written, to, request, ct);
        if (json)
        {
            var all = new JsonArray([.. answers.Select(answer => JsonNode.Parse(answer.ToJson()))]);
            Console.WriteLine(all.ToJsonString(new() { WriteIndented = true }));
        }
        else
        {
            Print(from, written, to, request, answers);
        }

        return answers.Any(answer => answer.Refusal is not null) ? Refused : 0;
    }

    private static void Print(Place from, DestinationName written, IPEndPoint to, AskedRequest request, IReadOnlyList<HopAnswer> answers)
    {
        var name = written.Host == to.Address.ToString() ? "" : $" ({to})";
        Console.WriteLine($"{from.Namespace}/{from.Name} ({from.Address}) to {written.Text}{name}{(request.Method is null ? "" : $": {request.Method} {request.Target}")}");
        foreach (var (answer, index) in answers.Select((answer, index) => (answer, index)))
        {
            Console.WriteLine();
            Console.WriteLine($"{index + 1}. {answer.Proxy}");
            foreach (var step in answer.Steps)
            {
                Console.WriteLine($"     {step}");
            }
        }

        Console.WriteLine();
        var last = answers[^1];
        Console.WriteLine(last.Refusal is { } refusal ? $"Refused at {answers.Count}: {refusal}" : last.Next switch
        {
            Onward.Application => "It reaches the application.",
            Onward.Outside => "It leaves the mesh.",
            Onward.End => $"It is answered at {answers.Count}.",
            _ => "It goes in circles.",
        });
        if (request.Method is not null && last.Refusal is null && !answers.Any(answer => answer.Proxy.StartsWith("waypoint", StringComparison.Ordinal)))
        {
            Console.WriteLine("No waypoint is on the way: nothing in the mesh looks at method, path and headers.");
        }
    }

    private static AskedRequest RequestOf(string? method, string? path, string[] headers)
    {
        if (method is null && headers.Length > 0)
        {
            throw new CliException("Headers belong to a request: give METHOD and PATH too.");
        }

        if (path is not null && !path.StartsWith('/'))
        {
            throw new CliException($"{path}: a path begins with '/'.");
        }

        try
        {
            return new AskedRequest(method, path ?? "/", [.. headers.Select(HopQuestion.Header)]);
        }
        catch (FormatException e)
        {
            throw new CliException($"-H {e.Message}", e);
        }
    }

    private static IReadOnlyList<JsonObject> Load(string path)
    {
        try
        {
            return Manifests.Load(path);
        }
        catch (Exception e) when (e is IOException or FormatException or UnauthorizedAccessException)
        {
            throw new CliException($"-f {path}: {e.Message}", e);
        }
    }
}
