using System.Text.Json.Nodes;

namespace Ambient.ApiServer.Patching;

/// <summary>JSON Merge Patch, RFC 7386 §2.</summary>
internal static class MergePatch
{
    public static JsonNode? Apply(JsonNode? target, JsonNode? patch)
    {
        if (patch is not JsonObject changes)
        {
            return patch?.DeepClone();
        }

        var result = target as JsonObject ?? [];
        foreach (var (name, value) in changes)
        {
            if (value is null)
            {
                result.Remove(name);
            }
            else
            {
                var child = result[name];
                result.Remove(name);
                result[name] = Apply(child, value);
            }
        }

        return result;
    }
}
