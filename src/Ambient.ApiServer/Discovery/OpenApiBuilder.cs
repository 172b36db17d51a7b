using System.Text.Json.Nodes;
using Ambient.ApiServer.Kinds;
using Ambient.ApiServer.Schemas;

namespace Ambient.ApiServer.Discovery;

/// <summary>Makes OpenAPI documents from the schemas of kinds.</summary>
internal static class OpenApiBuilder
{
    private const string Components = "#/components/schemas/";
    private const string Definitions = "#/definitions/";

    public static JsonObject Version3(IEnumerable<ResourceType> types)
    {
        var schemas = new JsonObject();
        var paths = new JsonObject();
        foreach (var type in types)
        {
            AddKind(schemas, type, Components);
            AddPaths(paths, type, Components, version3: true);
        }

        return new JsonObject
        {
            ["openapi"] = "3.0.0",
            ["info"] = Info(),
            ["paths"] = paths,
            ["components"] = new JsonObject { ["schemas"] = schemas },
        };
    }

    public static JsonObject Version2(IEnumerable<ResourceType> types)
    {
        var schemas = new JsonObject();
        var paths = new JsonObject();
        foreach (var type in types)
        {
            AddKind(schemas, type, Definitions);
            AddPaths(paths, type, Definitions, version3: false);
        }

        return new JsonObject { ["swagger"] = "2.0", ["info"] = Info(), ["paths"] = paths, ["definitions"] = schemas };
    }

    private static JsonObject Info() => new() { ["title"] = "Kubernetes", ["version"] = "v1.34.0" };

    /// <summary>Names as the real documents have them: domains backwards, e.g. <c>io.k8s.api.apps.v1.Deployment</c>.</summary>
    private static string NameOf(ResourceType type)
    {
        if (type.IsCustom)
        {
            return $"{string.Join('.', type.Group.Split('.').Reverse())}.{type.Version}.{type.Kind}";
        }

        var group = type.Group.Length == 0 ? "core" : type.Group.Split('.')[0];
        return $"io.k8s.api.{group}.{type.Version}.{type.Kind}";
    }

    private static string NameOf(string type) => type switch
    {
        "ObjectMeta" => "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta",
        _ => $"io.k8s.api.core.v1.{type}",
    };

    private static void AddKind(JsonObject schemas, ResourceType type, string prefix)
    {
        var name = NameOf(type);
        if (schemas.ContainsKey(name))
        {
            return;
        }

        var schema = new JsonObject
        {
            ["type"] = "object",
            ["description"] = type.Schema.Description ?? $"{type.Kind} ({type.ApiVersion}).",
        };
        var properties = new JsonObject
        {
            ["apiVersion"] = new JsonObject { ["type"] = "string", ["description"] = "The version of this kind's structure." },
            ["kind"] = new JsonObject { ["type"] = "string", ["description"] = "The kind of this object." },
            ["metadata"] = Reference(schemas, SchemaText.BuiltIn["ObjectMeta"], prefix),
        };
        schemas[name] = schema;
        foreach (var (field, value) in type.Schema.Fields)
        {
            properties[field] = Convert(schemas, value.Schema, prefix, value.Default);
        }

        schema["properties"] = properties;
        AddRequired(schema, type.Schema);
        schema["x-kubernetes-group-version-kind"] = new JsonArray(Gvk(type));
        if (type.Schema.PreserveUnknown)
        {
            schema["x-kubernetes-preserve-unknown-fields"] = true;
        }
    }

    private static JsonObject Gvk(ResourceType type) => new() { ["group"] = type.Group, ["version"] = type.Version, ["kind"] = type.Kind };

    private static JsonObject Reference(JsonObject schemas, Schema schema, string prefix)
    {
        var name = NameOf(schema.Name!);
        if (!schemas.ContainsKey(name))
        {
            var body = new JsonObject { ["type"] = "object", ["description"] = schema.Description ?? "" };
            // Set first: types may contain themselves.
            schemas[name] = body;
            Fields(schemas, body, schema, prefix);
        }

        return new JsonObject { ["$ref"] = prefix + name };
    }

    private static void Fields(JsonObject schemas, JsonObject body, Schema schema, string prefix)
    {
        if (schema.Fields.Count > 0)
        {
            body["properties"] = new JsonObject(schema.Fields.Select(field => KeyValuePair.Create(
                field.Key, (JsonNode?)Convert(schemas, field.Value.Schema, prefix, field.Value.Default))));
        }

        AddRequired(body, schema);
        if (schema.Values is { } values)
        {
            body["additionalProperties"] = Convert(schemas, values, prefix, null);
        }

        if (schema.IsAtomic)
        {
            body["x-kubernetes-map-type"] = "atomic";
        }

        if (schema.PreserveUnknown)
        {
            body["x-kubernetes-preserve-unknown-fields"] = true;
        }
    }

    private static void AddRequired(JsonObject body, Schema schema)
    {
        var required = schema.Fields.Where(field => field.Value.Required).Select(field => (JsonNode)field.Key).ToArray();
        if (required.Length > 0)
        {
            body["required"] = new JsonArray(required);
        }
    }

    private static JsonObject Convert(JsonObject schemas, Schema schema, string prefix, JsonNode? defaultValue)
    {
        JsonObject body;
        if (schema is { Name: not null, Type: SchemaType.Object })
        {
            body = Reference(schemas, schema, prefix);
            if (prefix == Components)
            {
                // A reference takes no neighbours in OpenAPI 3.0.
                body = new JsonObject { ["allOf"] = new JsonArray(body) };
            }
        }
        else
        {
            body = Plain(schemas, schema, prefix);
        }

        if (defaultValue is not null)
        {
            body["default"] = defaultValue.DeepClone();
        }

        return body;
    }

    private static JsonObject Plain(JsonObject schemas, Schema schema, string prefix)
    {
        var body = new JsonObject();
        switch (schema.Type)
        {
            case SchemaType.Any:
                body["x-kubernetes-preserve-unknown-fields"] = true;
                break;
            case SchemaType.IntOrString:
                body["x-kubernetes-int-or-string"] = true;
                break;
            default:
                body["type"] = schema.Type.ToString().ToLowerInvariant();
                break;
        }

        if (schema.Format is { } format && format is not ("quantity" or "micro-time"))
        {
            body["format"] = format;
        }

        if (schema.Description is { } description)
        {
            body["description"] = description;
        }

        if (schema.Type == SchemaType.Object)
        {
            Fields(schemas, body, schema, prefix);
        }

        if (schema.Type == SchemaType.Array)
        {
            List(schemas, body, schema, prefix);
        }

        if (schema.Rules.Enum is { } values)
        {
            body["enum"] = new JsonArray([.. values.Select(value => value?.DeepClone())]);
        }

        return body;
    }

    private static void List(JsonObject schemas, JsonObject body, Schema schema, string prefix)
    {
        body["items"] = schema.Items is { } items ? Convert(schemas, items, prefix, null) : new JsonObject();
        body["x-kubernetes-list-type"] = schema.ListType.ToString().ToLowerInvariant();
        if (schema.ListType == ListType.Map)
        {
            body["x-kubernetes-list-map-keys"] = new JsonArray([.. schema.MapKeys.Select(key => (JsonNode)key)]);
        }

        if (schema.MergeKey is { } merge)
        {
            body["x-kubernetes-patch-strategy"] = "merge";
            if (merge.Length > 0)
            {
                body["x-kubernetes-patch-merge-key"] = merge;
            }
        }
    }

    /// <summary>The paths that clients look at: whether a kind's patch knows field validation.</summary>
    private static void AddPaths(JsonObject paths, ResourceType type, string prefix, bool version3)
    {
        var root = type.Group.Length == 0 ? $"/api/{type.Version}" : $"/apis/{type.ApiVersion}";
        var collection = type.Namespaced ? $"{root}/namespaces/{{namespace}}/{type.Plural}" : $"{root}/{type.Plural}";
        if (type.Verbs.Contains("list"))
        {
            paths[collection] = new JsonObject
            {
                ["get"] = Operation(type, "list", "get", prefix, version3),
                ["post"] = Operation(type, "post", "post", prefix, version3),
            };
            paths[$"{collection}/{{name}}"] = new JsonObject
            {
                ["get"] = Operation(type, "get", "get", prefix, version3),
                ["put"] = Operation(type, "put", "put", prefix, version3),
                ["patch"] = Operation(type, "patch", "patch", prefix, version3),
                ["delete"] = Operation(type, "delete", "delete", prefix, version3),
            };
        }
        else if (type.Verbs.Contains("create"))
        {
            paths[collection] = new JsonObject { ["post"] = Operation(type, "post", "post", prefix, version3) };
        }
    }

    private static JsonObject Operation(ResourceType type, string action, string method, string prefix, bool version3)
    {
        string[] names = method is "post" or "put" or "patch"
            ? ["dryRun", "fieldManager", "fieldValidation", .. method == "patch" ? new[] { "force" } : []]
            : [];
        var parameters = names.Select(name => (JsonNode)(version3
            ? new JsonObject
            {
                ["name"] = name,
                ["in"] = "query",
                ["schema"] = new JsonObject { ["type"] = name == "force" ? "boolean" : "string" },
            }
            : new JsonObject { ["name"] = name, ["in"] = "query", ["type"] = name == "force" ? "boolean" : "string" }));
        var schema = new JsonObject { ["$ref"] = prefix + NameOf(type) };
        var response = version3
            ? new JsonObject
            {
                ["description"] = "OK",
                ["content"] = new JsonObject { ["application/json"] = new JsonObject { ["schema"] = schema } },
            }
            : new JsonObject { ["description"] = "OK", ["schema"] = schema };
        return new JsonObject
        {
            ["operationId"] = $"{action}{type.Group.Split('.')[0]}{type.Version}{type.Kind}",
            ["parameters"] = new JsonArray([.. parameters]),
            ["responses"] = new JsonObject { ["200"] = response },
            ["x-kubernetes-action"] = action,
            ["x-kubernetes-group-version-kind"] = Gvk(type),
        };
    }
}
