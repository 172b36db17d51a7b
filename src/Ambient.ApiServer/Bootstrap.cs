using System.Text.Json.Nodes;
using Ambient.ApiServer.Http;
using Ambient.Kubernetes;

namespace Ambient.ApiServer;

/// <summary>What is there before the first request: namespaces, the server's own service, and definitions.</summary>
internal static class Bootstrap
{
    private static readonly string[] Definitions = ["gateway-api.yaml", "istio-security.yaml", "istio-networking.yaml"];

    public static void Run(ServerState server)
    {
        foreach (var name in new[] { "default", "kube-system", "kube-public", "kube-node-lease" })
        {
            Create(server, new JsonObject
            {
                ["apiVersion"] = "v1",
                ["kind"] = "Namespace",
                ["metadata"] = new JsonObject { ["name"] = name },
            });
        }

        if (server.Options.Controllers)
        {
            Create(server, KubernetesService(server));
        }

        // Whoever brings a definition of his own means it.
        var given = server.Options.Definitions.SelectMany(text => Manifests.Parse(text, "definition")).ToList();
        var names = given.Select(definition => definition.TextAt("metadata", "name")).ToHashSet();
        var builtIn = Definitions.SelectMany(BuiltIn)
            .Where(ours => server.Options.BuiltInGroups.Contains(ours.TextAt("spec", "group")) && !names.Contains(ours.TextAt("metadata", "name")));
        foreach (var definition in builtIn.Concat(given))
        {
            Create(server, definition);
        }
    }

    private static IReadOnlyList<JsonObject> BuiltIn(string file)
    {
        using var stream = typeof(Bootstrap).Assembly.GetManifestResourceStream($"Ambient.ApiServer.Definitions.{file}")
            ?? throw new InvalidOperationException($"The assembly lacks its resource {file}.");
        using var reader = new StreamReader(stream);
        return Manifests.Parse(reader.ReadToEnd(), file);
    }

    private static void Create(ServerState server, JsonObject body)
    {
        var type = server.Types.FindKind(body.TextAt("apiVersion") ?? "", body.TextAt("kind") ?? "")
            ?? throw new FormatException($"{body.TextAt("kind")} of {body.TextAt("apiVersion")} is not served; only definitions can be installed at the start.");
        var ns = type.Namespaced ? body.TextAt("metadata", "namespace") ?? "default" : "";
        server.Writes.Create(type, ns, body, Writing.By("kube-apiserver"));
    }

    private static JsonObject KubernetesService(ServerState server) => new()
    {
        ["apiVersion"] = "v1",
        ["kind"] = "Service",
        ["metadata"] = new JsonObject
        {
            ["name"] = "kubernetes",
            ["namespace"] = "default",
            ["labels"] = new JsonObject { ["component"] = "apiserver", ["provider"] = "kubernetes" },
        },
        ["spec"] = new JsonObject
        {
            ["clusterIP"] = ApiServer.FirstAddress(server.Options.ServiceRanges[0]).ToString(),
            ["ports"] = new JsonArray(new JsonObject
            {
                ["name"] = "https",
                ["port"] = 443,
                ["targetPort"] = server.Options.Listen[0].Port is var port and > 0 ? port : 6443,
                ["protocol"] = "TCP",
            }),
        },
    };
}
