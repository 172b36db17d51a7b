using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Ambient.ApiServer.Storage;

/// <summary>
/// One version of one object. Never changes, so readers need no lock. Kept as the JSON text that goes to clients, without
/// <c>kind</c> and <c>apiVersion</c>: an object of several served versions is the same but for these.
/// </summary>
internal sealed class StoredObject
{
    private static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private StoredObject(byte[] utf8, JsonElement root)
    {
        Utf8 = utf8;
        Root = root;
        var metadata = root.GetProperty("metadata");
        Name = metadata.GetProperty("name").GetString()!;
        Namespace = Text(metadata, "namespace") ?? "";
        Uid = Text(metadata, "uid") ?? "";
        Version = long.Parse(Text(metadata, "resourceVersion") ?? "0");
        Labels = Map(metadata, "labels");
    }

    public string Name { get; }

    public string Namespace { get; }

    public string Uid { get; }

    public long Version { get; }

    public IReadOnlyDictionary<string, string> Labels { get; }

    /// <summary>The object as <c>{"metadata":…}</c>.</summary>
    public byte[] Utf8 { get; }

    /// <summary>The same, parsed; safe to read from many threads.</summary>
    public JsonElement Root { get; }

    public string Key => KeyOf(Namespace, Name);

    public bool IsDeleting => Root.GetProperty("metadata").TryGetProperty("deletionTimestamp", out _);

    /// <summary>Sorts as the keys of the real store: by namespace, then name.</summary>
    public static string KeyOf(string ns, string name) => $"{ns}/{name}";

    /// <summary>Freezes an object at a version.</summary>
    public static StoredObject Freeze(JsonObject body, long version)
    {
        body["metadata"]!["resourceVersion"] = version.ToString();
        return Freeze(body);
    }

    /// <summary>Freezes an object whose version is set, or that has none (a dry run).</summary>
    public static StoredObject Freeze(JsonObject body)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var writer = new Utf8JsonWriter(buffer, Plain))
        {
            writer.WriteStartObject();
            foreach (var (name, value) in body)
            {
                if (name is not ("kind" or "apiVersion"))
                {
                    writer.WritePropertyName(name);
                    if (value is null)
                    {
                        writer.WriteNullValue();
                    }
                    else
                    {
                        value.WriteTo(writer);
                    }
                }
            }

            writer.WriteEndObject();
        }

        var utf8 = buffer.WrittenSpan.ToArray();
        // Not disposed: the element lives as long as the object, and the document owns no pooled memory when it is cloned.
        using var document = JsonDocument.Parse(utf8);
        return new(utf8, document.RootElement.Clone());
    }

    /// <summary>A copy to change, kind and version first.</summary>
    public JsonObject Thaw(string kind, string apiVersion)
    {
        var body = JsonNode.Parse(Utf8)!.AsObject();
        body.Insert(0, "kind", kind);
        body.Insert(1, "apiVersion", apiVersion);
        return body;
    }

    /// <summary>Whether an owner's uid is among the owner references.</summary>
    public bool IsOwnedBy(string uid) => Owners().Any(owner => Text(owner, "uid") == uid);

    /// <summary>The owner references.</summary>
    public IEnumerable<JsonElement> Owners() =>
        Root.GetProperty("metadata").TryGetProperty("ownerReferences", out var owners) && owners.ValueKind == JsonValueKind.Array
            ? owners.EnumerateArray()
            : [];

    /// <summary>A scalar by dotted path as text, empty when absent; what field selectors compare.</summary>
    public string Field(string path)
    {
        var at = Root;
        foreach (var part in path.Split('.'))
        {
            if (at.ValueKind != JsonValueKind.Object || !at.TryGetProperty(part, out at))
            {
                return "";
            }
        }

        return at.ValueKind switch
        {
            JsonValueKind.String => at.GetString()!,
            JsonValueKind.Null or JsonValueKind.Undefined => "",
            _ => at.GetRawText(),
        };
    }

    private static string? Text(JsonElement owner, string name) =>
        owner.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static Dictionary<string, string> Map(JsonElement owner, string name) =>
        owner.TryGetProperty(name, out var map) && map.ValueKind == JsonValueKind.Object
            ? map.EnumerateObject().ToDictionary(entry => entry.Name, entry => entry.Value.GetString() ?? "", StringComparer.Ordinal)
            : [];
}
