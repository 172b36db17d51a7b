using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;

namespace Ambient.ApiServer.Tests;

/// <summary>
/// Replays all requests and watches that were recorded from a real API server, in order, and compares whole answers.
/// </summary>
public sealed class RecordedServerTests
{
    /// <summary>Differences that are wanted, each with its reason.</summary>
    private static readonly Dictionary<string, (string Path, string Reason)[]> Wanted = [];

    [Fact]
    public async Task Every_recorded_exchange_gets_the_recorded_answer()
    {
        await using var replay = await Replay.StartAsync();
        var failures = new List<string>();
        var recording = Recording.Load();
        Assert.Equal(154, recording.Count);
        for (var index = 0; index < recording.Count; index++)
        {
            var entry = recording[index];
            var title = entry["title"]!.GetValue<string>();
            List<string> differences;
            try
            {
                differences = await replay.RunAsync(entry, title);
            }
            catch (Exception error) when (error is not Xunit.Sdk.XunitException)
            {
                differences = [error.ToString()];
            }

            var wanted = Wanted.GetValueOrDefault(title) ?? [];
            foreach (var (path, _) in wanted)
            {
                // A difference that has gone must leave the list, too.
                if (differences.RemoveAll(difference => difference.StartsWith(path, StringComparison.Ordinal)) == 0)
                {
                    differences.Add($"{path} is listed as a wanted difference but does not differ");
                }
            }

            failures.AddRange(differences.Select(difference => $"{index} {title}: {difference}"));
        }

        Assert.True(failures.Count == 0, $"{failures.Count} differences:\n{string.Join('\n', failures)}");
    }
}

/// <summary>A server in the state in which the recorded one was, and what later requests need from earlier answers.</summary>
internal sealed class Replay : IAsyncDisposable
{
    private readonly ApiServer _server;
    private readonly HttpClient _http;
    private string _continue = "";
    private string _token = "";
    private string _version = "";
    private string _beforeChanges = "";
    private readonly List<string> _uids = [];

    private Replay(ApiServer server)
    {
        _server = server;
        _http = new HttpClient(new SocketsHttpHandler
        {
            SslOptions = new()
            {
                CertificateChainPolicy = new()
                {
                    TrustMode = X509ChainTrustMode.CustomRootTrust,
                    CustomTrustStore = { X509Certificate2.CreateFromPem(server.CertificateAuthorityPem) },
                    RevocationMode = X509RevocationMode.NoCheck,
                },
            },
        })
        {
            BaseAddress = server.Url,
            Timeout = TimeSpan.FromSeconds(20),
        };
    }

    public static async Task<Replay> StartAsync()
    {
        // The recorded server ran alone: no controllers, no admission of service accounts, not all definitions; and its roles were enforced.
        var definitions = await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "Golden", "recorded-definitions.yaml"));
        var replay = new Replay(await ApiServer.StartAsync(new() { Controllers = false, EnforceRoles = true, Definitions = [definitions], BuiltInGroups = ["gateway.networking.k8s.io", "security.istio.io"] }));
        for (var number = 1; number <= 3; number++)
        {
            await replay.NodeAsync(number);
        }

        return replay;
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _server.DisposeAsync();
    }

    public async Task<List<string>> RunAsync(JsonObject entry, string title)
    {
        if (entry["claims"] is JsonObject claims)
        {
            return Recording.Compare(claims, Claims());
        }

        if (entry["watch"] is JsonObject)
        {
            return await WatchAsync(entry, title);
        }

        if (title == "forbidden by RBAC")
        {
            await BotTokenAsync();
        }

        if (title == "delete a namespace")
        {
            // The recorded server had nobody to empty the namespace, so it stayed; here something holds it.
            await SendAsync("POST", "/api/v1/namespaces/rec/secrets",
                """{"apiVersion":"v1","kind":"Secret","metadata":{"name":"hold","finalizers":["example.com/hold"]}}""", "application/json");
        }

        var request = entry["request"]!.AsObject();
        var path = request["path"]!.GetValue<string>()
            .Replace("<continue>", Uri.EscapeDataString(_continue), StringComparison.Ordinal);
        path = title switch
        {
            "list from a version in the future" => path.Replace("<rv>", (long.Parse(_version) + 1_000_000).ToString(), StringComparison.Ordinal),
            "list at an exact old version" => path.Replace("<rv>", _beforeChanges, StringComparison.Ordinal),
            _ => path,
        };
        var headers = request["headers"]!.AsObject();
        using var message = new HttpRequestMessage(new HttpMethod(request["method"]!.GetValue<string>()), path);
        message.Headers.TryAddWithoutValidation("Accept", headers["Accept"]!.GetValue<string>());
        Authorize(message, entry, title);
        if (request.ContainsKey("body"))
        {
            message.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(Body(request["body"], title)));
            message.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(headers["Content-Type"]!.GetValue<string>());
        }

        using var response = await _http.SendAsync(message);
        var text = await response.Content.ReadAsStringAsync();
        var isJson = response.Content.Headers.ContentType?.MediaType == "application/json";
        var body = isJson ? JsonNode.Parse(text) : JsonValue.Create(text);
        Remember(body);
        var differences = Recording.Compare(entry["response"], new JsonObject
        {
            ["status"] = (int)response.StatusCode,
            ["headers"] = Headers(response),
            ["body"] = Reduce(entry["response"]!["body"], body, title),
        });
        if (title == "replace with no change keeps the version" && !_sameVersion)
        {
            differences.Add("the version changed");
        }

        return differences;
    }

    private bool _sameVersion;

    private static JsonObject Headers(HttpResponseMessage response)
    {
        var headers = new JsonObject { ["Content-Type"] = response.Content.Headers.ContentType!.ToString().Replace("; ", ";").Replace(";charset", "; charset") };
        foreach (var name in new[] { "Warning", "Retry-After" })
        {
            if (response.Headers.TryGetValues(name, out var values))
            {
                headers[name] = string.Join(", ", values);
            }
        }

        return headers;
    }

    private void Authorize(HttpRequestMessage message, JsonObject entry, string title)
    {
        if (entry["request"]!["anonymous"] is null)
        {
            message.Headers.Authorization = new("Bearer", title switch
            {
                "bad token" => "nonsense",
                "forbidden by RBAC" => _botToken,
                _ => _server.AdminToken,
            });
        }
    }

    private string _botToken = "";

    private string Body(JsonNode? body, string title)
    {
        var text = body is JsonValue value && value.TryGetValue(out string? raw) ? raw : body!.ToJsonString();
        return text
            .Replace("\"renewTime\":\"\\u003Ctime\\u003E\"", "\"renewTime\":\"2026-01-02T03:04:05.123456Z\"", StringComparison.Ordinal)
            .Replace("\\u003Ctime\\u003E", "2026-01-02T03:04:05Z", StringComparison.Ordinal)
            .Replace("\\u003Crv\\u003E", "1", StringComparison.Ordinal)
            .Replace("\\u003Cuid\\u003E", "11111111-2222-3333-4444-555555555555", StringComparison.Ordinal)
            .Replace("\\u003Ctoken\\u003E", title.Contains("nonsense", StringComparison.Ordinal) ? "nonsense" : _token, StringComparison.Ordinal);
    }

    private void Remember(JsonNode? body)
    {
        if (body is not JsonObject answer)
        {
            return;
        }

        if (answer["metadata"]?["continue"] is { } next)
        {
            _continue = next.GetValue<string>();
        }

        if (answer["metadata"]?["resourceVersion"] is { } version)
        {
            _sameVersion = _version == version.GetValue<string>();
            _version = version.GetValue<string>();
        }

        if (answer["kind"]?.GetValue<string>() == "TokenRequest" && answer["status"]?["token"] is { } token)
        {
            _token = token.GetValue<string>();
        }

        if (answer["kind"]?.GetValue<string>() == "ServiceAccount")
        {
            _uids.Add(answer["metadata"]!["uid"]!.GetValue<string>());
        }
    }

    /// <summary>Some answers were recorded in part; this takes the same part of ours.</summary>
    private static JsonNode? Reduce(JsonNode? recorded, JsonNode? body, string title)
    {
        if (body is not JsonObject answer)
        {
            return body;
        }

        JsonNode? Take(params string[] path)
        {
            JsonNode? node = answer;
            foreach (var step in path)
            {
                node = node?[step];
            }

            return node?.DeepClone();
        }

        JsonObject Part(params (string Name, JsonNode? Value)[] fields) =>
            new(fields.Where(field => field.Value is not null).Select(field => KeyValuePair.Create(field.Name, field.Value)));

        return title switch
        {
            "version" => Part(("major", Take("major")), ("minor", Take("minor"))),
            "aggregated discovery" => Groups(recorded!, answer),
            "pod status" => Take("status"),
            "pods of a node" => new JsonArray([.. answer["items"]!.AsArray().Select(item => item!["metadata"]!["name"]!.DeepClone())]),
            "the pod is terminating" => Part(
                ("deletionTimestamp", Take("metadata", "deletionTimestamp")),
                ("deletionGracePeriodSeconds", Take("metadata", "deletionGracePeriodSeconds"))),
            "still there" => Take("metadata"),
            "delete a collection" or "list at an exact old version" =>
                Part(("kind", Take("kind")), ("items", answer["items"]!.AsArray().Count)),
            "the CRD is established" => Take("status"),
            "remove a CRD" when answer["status"] is JsonObject => Part(("status", new JsonArray([.. answer["status"]!["conditions"]!.AsArray()
                .Where(item => item!["type"]!.GetValue<string>() == "Terminating").Select(item => item!.DeepClone())]))),
            "apply one container of two by another manager" => Part(
                ("containers", Take("spec", "template", "spec", "containers")),
                ("managers", new JsonArray([.. answer["metadata"]!["managedFields"]!.AsArray()
                    .Select(item => (JsonNode)new JsonArray(item!["manager"]!.DeepClone(), item["operation"]!.DeepClone()))]))),
            "the main resource ignores status" when recorded!["metadata"] is null => Part(("status", Take("status")), ("spec", Part(("replicas", Take("spec", "replicas"))))),
            "generation counts spec changes" => Part(
                ("generation", Take("metadata", "generation")), ("spec", Take("spec")), ("status", Take("status"))),
            "apply a custom resource by map key" => Take("spec"),
            _ => answer,
        };
    }

    /// <summary>The recording kept two groups of the aggregated list.</summary>
    private static JsonObject Groups(JsonNode recorded, JsonObject answer)
    {
        var names = recorded["items"]!.AsArray().Select(item => item!["metadata"]!["name"]!.GetValue<string>()).ToHashSet();
        var result = answer.DeepClone().AsObject();
        result["items"] = new JsonArray([.. answer["items"]!.AsArray()
            .Where(item => names.Contains(item!["metadata"]!["name"]!.GetValue<string>())).Select(item => item!.DeepClone())]);
        return result;
    }

    private JsonObject Claims()
    {
        var part = _token.Split('.')[1];
        return JsonNode.Parse(System.Buffers.Text.Base64Url.DecodeFromChars(part))!.AsObject();
    }

    private async Task<List<string>> WatchAsync(JsonObject entry, string title)
    {
        var path = entry["watch"]!["path"]!.GetValue<string>();
        var isFirst = title.StartsWith("watch from a version:", StringComparison.Ordinal);
        if (isFirst)
        {
            _beforeChanges = await VersionAsync();
        }

        path = path.Replace("<rv>", title.Contains("too old", StringComparison.Ordinal) ? "1" : _beforeChanges, StringComparison.Ordinal);
        using var message = new HttpRequestMessage(HttpMethod.Get, path);
        message.Headers.Authorization = new("Bearer", _server.AdminToken);
        var accept = title == "watch as a table" ? "application/json;as=Table;v=v1;g=meta.k8s.io" : "application/json";
        message.Headers.TryAddWithoutValidation("Accept", accept);
        using var response = await _http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead);
        if (isFirst)
        {
            await ChangeAsync();
        }

        var text = await response.Content.ReadAsStringAsync();
        var events = text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line));
        return Recording.Compare(
            new JsonObject { ["status"] = entry["status"]!.DeepClone(), ["events"] = entry["events"]!.DeepClone() },
            new JsonObject
            {
                ["status"] = new JsonArray((int)response.StatusCode, response.Content.Headers.ContentType!.MediaType),
                ["events"] = new JsonArray([.. events]),
            });
    }

    private async Task<string> VersionAsync()
    {
        var list = await SendAsync("GET", "/api/v1/namespaces/rec/configmaps", null, "");
        return list["metadata"]!["resourceVersion"]!.GetValue<string>();
    }

    /// <summary>What happened during the recorded watch.</summary>
    private async Task ChangeAsync()
    {
        const string Item = "/api/v1/namespaces/rec/configmaps/w1";
        const string Merge = "application/merge-patch+json";
        await SendAsync("POST", "/api/v1/namespaces/rec/configmaps",
            """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"w1","labels":{"sel":"y"}},"data":{"a":"1"}}""", "application/json");
        await SendAsync("PATCH", Item, """{"data":{"b":"1"}}""", Merge);
        await SendAsync("PATCH", Item, """{"metadata":{"labels":{"sel":"n"}}}""", Merge);
        await SendAsync("DELETE", Item, null, "");
    }

    private Task NodeAsync(int number)
    {
        var zone = new[] { ("rack1", "r1", "z1"), ("rack2", "r1", "z2"), ("rack3", "r2", "z3") }[number - 1];
        var node = new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Node",
            ["metadata"] = new JsonObject
            {
                ["name"] = $"node-{number}",
                ["labels"] = new JsonObject
                {
                    ["topology.istio.io/subzone"] = zone.Item1,
                    ["topology.kubernetes.io/region"] = zone.Item2,
                    ["topology.kubernetes.io/zone"] = zone.Item3,
                },
            },
            ["status"] = new JsonObject
            {
                ["addresses"] = new JsonArray(new JsonObject { ["type"] = "InternalIP", ["address"] = $"10.8.0.{number}" }),
            },
        };
        return SendAsync("POST", "/api/v1/nodes", node.ToJsonString(), "application/json", "Python-urllib/3");
    }

    private async Task<JsonObject> SendAsync(string method, string path, string? body, string type, string? agent = null)
    {
        using var message = new HttpRequestMessage(new HttpMethod(method), path);
        message.Headers.Authorization = new("Bearer", _server.AdminToken);
        if (agent is not null)
        {
            message.Headers.TryAddWithoutValidation("User-Agent", agent);
        }

        if (body is not null)
        {
            message.Content = new StringContent(body, Encoding.UTF8, type);
        }

        using var response = await _http.SendAsync(message);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        var answer = JsonNode.Parse(text)!.AsObject();
        if (answer["kind"]?.GetValue<string>() == "TokenRequest")
        {
            _botToken = answer["status"]!["token"]!.GetValue<string>();
        }

        return answer;
    }

    /// <summary>A token of the recorded service account for the API itself.</summary>
    private Task BotTokenAsync() =>
        SendAsync("POST", "/api/v1/namespaces/rec/serviceaccounts/bot/token", """{"spec":{}}""", "application/json");
}
