using System.Text.Json.Nodes;

namespace Ambient.ApiServer.Schemas;

/// <summary>Checks a custom resource: its structure, then its rules.</summary>
internal static class CustomValidation
{
    public static List<Cause> Validate(JsonObject body, JsonObject? old, Schema schema)
    {
        _ = old;
        return Validator.Validate(body, schema);
    }
}
