using System.Text.Json.Nodes;
using Ambient.ApiServer.Schemas;

namespace Ambient.ApiServer.Kinds;

/// <summary>CustomResourceDefinitions: their names are accepted at once, and their kinds are served from then on.</summary>
internal sealed class DefinitionRules : KindRules
{
    public const string Finalizer = "customresourcecleanup.apiextensions.k8s.io";

    public override void Default(JsonObject body)
    {
        if (body["spec"] is not JsonObject spec || spec["names"] is not JsonObject names)
        {
            return;
        }

        if (names.TextAt("kind") is { Length: > 0 } kind)
        {
            names.SetDefault("singular", kind.ToLowerInvariant());
            names.SetDefault("listKind", $"{kind}List");
        }

        spec.SetDefault("conversion", new JsonObject { ["strategy"] = "None" });
    }

    public override void Create(JsonObject body, WriteContext context) => body["status"] = new JsonObject
    {
        ["conditions"] = null,
        ["acceptedNames"] = new JsonObject { ["plural"] = "", ["kind"] = "" },
        ["storedVersions"] = new JsonArray([.. body.Child("spec").ObjectsAt("versions")
            .Where(version => (bool?)version["storage"] == true)
            .Select(version => (JsonNode?)version["name"]?.DeepClone())]),
    };

    public override void Validate(JsonObject body, JsonObject? old, List<Cause> causes)
    {
        var spec = body.Child("spec");
        var group = spec.TextAt("group") ?? "";
        var plural = spec.TextAt("names", "plural") ?? "";
        foreach (var (path, value) in new[] { ("spec.group", group), ("spec.names.plural", plural), ("spec.names.kind", spec.TextAt("names", "kind") ?? "") })
        {
            if (value.Length == 0)
            {
                causes.Add(Cause.Required(path));
            }
        }

        var name = body.TextAt("metadata", "name") ?? "";
        if (causes.Count == 0 && name != $"{plural}.{group}")
        {
            causes.Add(Cause.Invalid("metadata.name", name, "must be spec.names.plural+\".\"+spec.group"));
        }

        string[] scopes = ["Cluster", "Namespaced"];
        if (!scopes.Contains(spec.TextAt("scope")))
        {
            causes.Add(Cause.NotSupported("spec.scope", spec["scope"]?.DeepClone(), scopes));
        }

        var versions = spec.ObjectsAt("versions").ToList();
        if (versions.Count(version => (bool?)version["storage"] == true) != 1)
        {
            causes.Add(Cause.Invalid("spec.versions", null, "must have exactly one version marked as storage version"));
        }

        for (var index = 0; index < versions.Count; index++)
        {
            ValidateSchema(versions[index], $"spec.versions[{index}].schema.openAPIV3Schema", causes);
        }
    }

    /// <summary>The kinds that a definition asks for, one for each served version, newest first.</summary>
    public static IReadOnlyList<ResourceType> TypesOf(JsonObject definition)
    {
        var spec = definition.Child("spec");
        var names = spec.Child("names");
        var storage = spec.ObjectsAt("versions").First(version => (bool?)version["storage"] == true).TextAt("name")!;
        return [.. spec.ObjectsAt("versions")
            .Where(version => (bool?)version["served"] == true)
            .Select(version => new ResourceType
            {
                Group = spec.TextAt("group")!,
                Version = version.TextAt("name")!,
                Kind = names.TextAt("kind")!,
                ListKind = names.TextAt("listKind") ?? "",
                Plural = names.TextAt("plural")!,
                Singular = names.TextAt("singular") ?? "",
                Namespaced = spec.TextAt("scope") == "Namespaced",
                ShortNames = Words(names, "shortNames"),
                Categories = Words(names, "categories"),
                Verbs = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"],
                Schema = OpenApiSchemaReader.ReadRoot(version.At("schema", "openAPIV3Schema") as JsonObject),
                IsCustom = true,
                StorageVersion = storage,
                HasGeneration = true,
                Subresources = [.. SubresourcesOf(version, names.TextAt("kind")!)],
                Columns = [.. version.ObjectsAt("additionalPrinterColumns").Select(Column)],
                Rules = new CustomRules(version.At("subresources", "status") is JsonObject),
            })
            .OrderByDescending(type => type.Version, VersionOrder.Instance)];
    }

    private static IEnumerable<Subresource> SubresourcesOf(JsonObject version, string kind)
    {
        if (version.At("subresources", "status") is JsonObject)
        {
            yield return new("status", kind, ResourceType.StatusVerbs);
        }

        if (version.At("subresources", "scale") is JsonObject)
        {
            yield return new("scale", "Scale", ResourceType.StatusVerbs, "autoscaling/v1");
        }
    }

    private static PrinterColumn Column(JsonObject column) => new(
        column.TextAt("name") ?? "",
        column.TextAt("type") ?? "string",
        column.TextAt("format") ?? "",
        column.TextAt("description") ?? "",
        (int)(column.NumberAt("priority") ?? 0),
        column.TextAt("jsonPath") ?? "");

    private static string[] Words(JsonObject owner, string name) =>
        (owner[name] as JsonArray)?.Select(item => item?.GetValue<string>() ?? "").ToArray() ?? [];

    private static void ValidateSchema(JsonObject version, string path, List<Cause> causes)
    {
        if (version.At("schema", "openAPIV3Schema") is not JsonObject schema)
        {
            causes.Add(Cause.Required(path, "schemas are required"));
            return;
        }

        if (schema.TextAt("type") != "object")
        {
            causes.Add(Cause.Invalid($"{path}.type", schema["type"]?.DeepClone(), "must be object at the root"));
        }

        try
        {
            OpenApiSchemaReader.ReadRoot(schema);
        }
        catch (FormatException error)
        {
            causes.Add(Cause.Invalid(path, null, error.Message));
        }
    }
}

/// <summary>Custom resources have a status of their own only when their definition says so.</summary>
internal sealed class CustomRules(bool hasStatus) : KindRules
{
    public override void Create(JsonObject body, WriteContext context)
    {
        if (hasStatus)
        {
            body.Remove("status");
        }
    }
}

/// <summary>Kubernetes' order of versions: v2 before v1 before v1beta2 before v1beta1 before v1alpha1 before others.</summary>
internal sealed partial class VersionOrder : IComparer<string>
{
    public static VersionOrder Instance { get; } = new();

    public int Compare(string? x, string? y) => Rank(x).CompareTo(Rank(y));

    private static (int Stability, int Major, int Minor, string Text) Rank(string? version)
    {
        var match = Pattern().Match(version ?? "");
        if (!match.Success)
        {
            return (0, 0, 0, version ?? "");
        }

        var stability = match.Groups["kind"].Value switch { "" => 3, "beta" => 2, _ => 1 };
        return (stability, int.Parse(match.Groups["major"].Value), int.TryParse(match.Groups["minor"].Value, out var minor) ? minor : 0, "");
    }

    [System.Text.RegularExpressions.GeneratedRegex("^v(?<major>[1-9][0-9]{0,5})(?:(?<kind>alpha|beta)(?<minor>[1-9][0-9]{0,5}))?$")]
    private static partial System.Text.RegularExpressions.Regex Pattern();
}
