using System.Text.Json.Nodes;
using Ambient.ApiServer.Http;
using Ambient.ApiServer.Kinds;

namespace Ambient.ApiServer.ManagedFields;

/// <summary>Keeps <c>metadata.managedFields</c>.</summary>
internal static class FieldManagers
{
    public static void Update(JsonObject fresh, JsonObject? old, ResourceType type, Writing writing, string now)
    {
        _ = (old, type, writing, now);
        fresh.Child("metadata").Remove("managedFields");
    }
}
