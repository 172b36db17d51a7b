using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Ambient.ApiServer.Http;
using Ambient.ApiServer.Kinds;
using Microsoft.AspNetCore.Http;

namespace Ambient.ApiServer.Discovery;

/// <summary>
/// /openapi/v3 and /openapi/v2: what kubectl asks for before it applies, and what <c>kubectl explain</c> prints. Documents
/// are made when first asked for and again when kinds changed.
/// </summary>
internal sealed class OpenApiDocuments(ServerState server)
{
    private const string ProtobufType = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

    /// <summary>openapi.v2.Document: swagger (1) "2.0", info (2) with title and version, paths (8) empty.</summary>
    private static readonly byte[] EmptyProtobuf = [.. "\n\u00032.0\u0012\u0010\n\u0007Ambient\u0012\u00050.1.0B\0"u8];

    private const string Protobuf = "v2 as protobuf";

    private readonly Lock _gate = new();
    private readonly Dictionary<string, (ImmutableList<ResourceType> Of, byte[] Body, string Hash)> _made = new(StringComparer.Ordinal);

    public async Task<bool> TryWriteAsync(HttpContext context, string path)
    {
        if (path == "/openapi/v3")
        {
            await Responses.WriteJsonAsync(context, 200, Index()).ConfigureAwait(false);
            return true;
        }

        if (path == "/openapi/v2")
        {
            // kubectl before 1.27 wants protobuf and reads nothing else.
            if (context.Request.Headers.Accept.ToString().Contains("proto-openapi", StringComparison.Ordinal))
            {
                await Responses.WriteAsync(context, 200, Document(Protobuf).Body, OpenApiProtobuf.MediaType).ConfigureAwait(false);
                return true;
            }

            await Responses.WriteAsync(context, 200, Document("v2").Body, "application/json").ConfigureAwait(false);
            return true;
        }

        if (path.StartsWith("/openapi/v3/", StringComparison.Ordinal) && Roots().Contains(path["/openapi/v3/".Length..]))
        {
            var (body, hash) = Document(path["/openapi/v3/".Length..]);
            context.Response.Headers.ETag = $"\"{hash}\"";
            await Responses.WriteAsync(context, 200, body, "application/json").ConfigureAwait(false);
            return true;
        }

        return false;
    }

    private static string RootOf(ResourceType type) => type.Group.Length == 0 ? $"api/{type.Version}" : $"apis/{type.ApiVersion}";

    private IEnumerable<string> Roots() => server.Types.Types.Select(RootOf).Distinct();

    private JsonObject Index() => new()
    {
        ["paths"] = new JsonObject(Roots().Select(root => KeyValuePair.Create(root, (JsonNode?)new JsonObject
        {
            ["serverRelativeURL"] = $"/openapi/v3/{root}?hash={Document(root).Hash}",
        }))),
    };

    private (byte[] Body, string Hash) Document(string root)
    {
        var types = server.Types.Types;
        lock (_gate)
        {
            if (_made.TryGetValue(root, out var made) && ReferenceEquals(made.Of, types))
            {
                return (made.Body, made.Hash);
            }

            var body = root switch
            {
                Protobuf => OpenApiProtobuf.Write(OpenApiBuilder.Version2(types)),
                "v2" => Encoding.UTF8.GetBytes(Json.Text(OpenApiBuilder.Version2(types))),
                _ => Encoding.UTF8.GetBytes(Json.Text(OpenApiBuilder.Version3(types.Where(type => RootOf(type) == root)))),
            };
            var hash = Convert.ToHexString(SHA256.HashData(body));
            _made[root] = (types, body, hash);
            return (body, hash);
        }
    }
}
