using System.Text.Json.Nodes;

namespace Ambient.ApiServer.Patching;

/// <summary>JSON Patch, RFC 6902, with pointers of RFC 6901.</summary>
internal static class JsonPatch
{
    /// <summary>The real server's limit for operations of one patch.</summary>
    private const int MostOperations = 10_000;

    /// <exception cref="FormatException">The patch cannot be applied; the message says which operation.</exception>
    public static JsonNode? Apply(JsonNode? target, JsonArray operations)
    {
        if (operations.Count > MostOperations)
        {
            throw new FormatException($"more than {MostOperations} operations");
        }

        for (var index = 0; index < operations.Count; index++)
        {
            var operation = operations[index] as JsonObject ?? throw new FormatException($"operation {index} is not an object");
            try
            {
                target = ApplyOne(target, operation);
            }
            catch (FormatException error)
            {
                throw new FormatException($"operation {index} ({operation.TextAt("op")} {operation.TextAt("path")}): {error.Message}", error);
            }
        }

        return target;
    }

    private static JsonNode? ApplyOne(JsonNode? target, JsonObject operation)
    {
        var path = Pointer(operation, "path");
        switch (operation.TextAt("op"))
        {
            case "add":
                return Add(target, path, Value(operation));
            case "remove":
                return Remove(target, path, out _);
            case "replace":
                Get(target, path);
                return path.Length == 0 ? Value(operation) : Add(Remove(target, path, out _), path, Value(operation));
            case "move":
                var moved = Remove(target, Pointer(operation, "from"), out var value);
                return Add(moved, path, value);
            case "copy":
                return Add(target, path, Get(target, Pointer(operation, "from"))?.DeepClone());
            case "test":
                return JsonNode.DeepEquals(Get(target, path), operation["value"]) ? target : throw new FormatException("the value differs");
            default:
                throw new FormatException("unknown operation");
        }
    }

    private static JsonNode? Value(JsonObject operation) => operation.ContainsKey("value")
        ? operation["value"]?.DeepClone()
        : throw new FormatException("value is missing");

    private static string[] Pointer(JsonObject operation, string name)
    {
        var text = operation.TextAt(name) ?? throw new FormatException($"{name} is missing");
        if (text.Length == 0)
        {
            return [];
        }

        return text[0] == '/'
            ? [.. text[1..].Split('/').Select(part => part.Replace("~1", "/").Replace("~0", "~"))]
            : throw new FormatException($"{name} does not begin with /");
    }

    private static JsonNode? Get(JsonNode? node, ReadOnlySpan<string> path)
    {
        foreach (var part in path)
        {
            node = node switch
            {
                JsonObject body when body.TryGetPropertyValue(part, out var child) => child,
                JsonArray array => array[Index(part, array.Count - 1)],
                _ => throw new FormatException("the path does not exist"),
            };
        }

        return node;
    }

    private static JsonNode? Add(JsonNode? target, string[] path, JsonNode? value)
    {
        if (path.Length == 0)
        {
            return value;
        }

        switch (Get(target, path.AsSpan(0, path.Length - 1)))
        {
            case JsonObject body:
                body[path[^1]] = value;
                break;
            case JsonArray array:
                array.Insert(path[^1] == "-" ? array.Count : Index(path[^1], array.Count), value);
                break;
            default:
                throw new FormatException("the path does not exist");
        }

        return target;
    }

    private static JsonNode? Remove(JsonNode? target, string[] path, out JsonNode? removed)
    {
        if (path.Length == 0)
        {
            removed = target;
            return null;
        }

        switch (Get(target, path.AsSpan(0, path.Length - 1)))
        {
            case JsonObject body when body.TryGetPropertyValue(path[^1], out removed):
                body.Remove(path[^1]);
                break;
            case JsonArray array:
                var index = Index(path[^1], array.Count - 1);
                removed = array[index];
                array.RemoveAt(index);
                break;
            default:
                throw new FormatException("the path does not exist");
        }

        return target;
    }

    private static int Index(string part, int last) =>
        int.TryParse(part, System.Globalization.NumberStyles.None, null, out var index)
        && index <= last && (part == "0" || part[0] != '0')
            ? index
            : throw new FormatException($"{part} is not an index of the list");
}
