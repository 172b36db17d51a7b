using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using Ambient.Api;
using Ambient.Mesh.Authorization;
using Ambient.Mesh.Http;
using Google.Protobuf;
using Way = Ambient.Api.Waypoints;

namespace Ambient.Mesh.Tests.Http;

/// <summary>A waypoint with configuration from proto JSON, and questions to it.</summary>
internal sealed class Scene
{
    public const string Shop = "shop/shop.example";

    public WaypointStore Store { get; } = new();

    public WaypointSnapshot Waypoint => Store.Current;

    /// <summary>The service shop/shop.example with these fields, and a waypoint without policies of its own.</summary>
    public static Scene Service(string fields) => new Scene().With("").WithService("shop", "shop.example", fields);

    /// <summary>One rule on the service.</summary>
    public static Scene Route(string fields) => Service($$"""routes: [{ {{fields}} }]""");

    /// <summary>One policy with this action and these rules, on the service.</summary>
    public static Scene Policy(string action, string rules, bool dryRun = false) =>
        Service("""policies: ["shop/p"]""").WithPolicy("shop/p", $$"""action: {{action}}, dryRun: {{(dryRun ? "true" : "false")}}, rules: [{{rules}}]""");

    public Scene With(string waypoint)
    {
        Store.Apply(new WaypointUpdate { Waypoint = WaypointDecoder.DecodeWaypoint("shop/gate", Message<Way.Waypoint>(waypoint)) });
        return this;
    }

    public Scene WithService(string ns, string hostname, string fields = "", bool bound = true)
    {
        var update = new WaypointUpdate();
        update.Services.Add(WaypointDecoder.DecodeService(
            $"{ns}/{hostname}", Message<Way.Service>($$"""namespace: "{{ns}}", hostname: "{{hostname}}", bound: {{(bound ? "true" : "false")}}, {{fields}}""")));
        Store.Apply(update);
        return this;
    }

    public Scene WithService(Way.Service service)
    {
        var update = new WaypointUpdate();
        update.Services.Add(WaypointDecoder.DecodeService($"{service.Namespace}/{service.Hostname}", service.ToByteString()));
        Store.Apply(update);
        return this;
    }

    public Scene WithPolicy(string key, string fields) => WithPolicy(key, Way.Authorization.Parser.ParseFrom(Message<Way.Authorization>(fields)));

    public Scene WithPolicy(string key, Way.Authorization policy)
    {
        var update = new WaypointUpdate();
        update.Policies.Add(WaypointDecoder.DecodePolicy(key, policy.ToByteString()));
        Store.Apply(update);
        return this;
    }

    public RouteDecision Decide(Request request, int seed = 1) => HttpRouter.Decide(Waypoint, Shop, request.Facts, new Random(seed));

    public HttpVerdict Verdict(Request request) => HttpAuthorizer.Evaluate(Waypoint, Shop, request.Facts);

    public HttpVerdict Connection(Request request, string? sni = null) =>
        HttpAuthorizer.EvaluateConnection(Waypoint, Shop, request.Connection, sni);

    /// <summary>Proto JSON, of which names and bare words need no quotes here.</summary>
    public static ByteString Message<T>(string fields)
        where T : IMessage<T>, new() =>
        new JsonParser(JsonParser.Settings.Default).Parse<T>(Quoted($"{{{fields}}}")).ToByteString();

    /// <summary>Quotes bare words: the C# test tables get readable, the parser gets JSON.</summary>
    private static string Quoted(string text) => Regex.Replace(
        Regex.Replace(text, @",\s*(?=[}\]])", ""),
        """("(?:[^"\\]|\\.)*")|\b(?!true\b|false\b)([A-Za-z_][A-Za-z0-9_]*)""",
        match => match.Groups[1].Success ? match.Value : $"\"{match.Value}\"");
}

/// <summary>A request in tests: <c>GET /path?query</c> and <c>name: value</c> lines.</summary>
internal sealed class Request : IHeaderSource
{
    private readonly List<(string Name, string Value)> _headers = [];

    public Request(string line, params ReadOnlySpan<string> headers)
    {
        var space = line.IndexOf(' ', StringComparison.Ordinal);
        Method = line[..space];
        var question = line.IndexOf('?', StringComparison.Ordinal);
        Path = question < 0 ? line[(space + 1)..] : line[(space + 1)..question];
        Query = question < 0 ? "" : line[question..];
        foreach (var header in headers)
        {
            var colon = header.IndexOf(':', 1);
            var (name, value) = (header[..colon].Trim().ToLower(CultureInfo.InvariantCulture), header[(colon + 1)..].Trim());
            if (name == "host")
            {
                Authority = value;
            }
            else
            {
                _headers.Add((name, value));
            }
        }
    }

    public string Method { get; }

    public string Path { get; }

    public string Query { get; }

    public string Authority { get; set; } = "shop.example";

    public string Scheme { get; init; } = "http";

    public ConnectionFacts Connection { get; init; } =
        new(IPAddress.Parse("10.0.0.1"), new SpiffeId("cluster.local", "shop", "web"), IPAddress.Parse("10.96.0.9"), 80);

    public int Port
    {
        init => Connection = Connection with { DestinationPort = value };
    }

    public HttpRequestFacts Facts => new()
    {
        Connection = Connection,
        Method = Method,
        Path = Path,
        Query = Query,
        Authority = Authority,
        Scheme = Scheme,
        Headers = this,
    };

    public bool TryGet(HeaderName name, Span<char> scratch, out ReadOnlySpan<char> value)
    {
        var values = _headers.Where(header => header.Name == name.Text).Select(header => header.Value).ToArray();
        value = string.Join(',', values);
        return values.Length > 0;
    }
}
