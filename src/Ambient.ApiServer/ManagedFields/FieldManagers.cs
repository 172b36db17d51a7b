using System.Text.Json.Nodes;
using Ambient.ApiServer.Http;
using Ambient.ApiServer.Kinds;
using Ambient.ApiServer.Schemas;

namespace Ambient.ApiServer.ManagedFields;

/// <summary>One entry of <c>metadata.managedFields</c>.</summary>
internal sealed record FieldManager(string Name, string Operation, string ApiVersion, string Subresource, string? Time, FieldSet Fields)
{
    public bool IsOf(Writing writing, string apiVersion) =>
        Name == writing.Manager && Operation == writing.Operation && Subresource == writing.Subresource
        && (ApiVersion == apiVersion || Operation == "Apply");
}

/// <summary>Keeps <c>metadata.managedFields</c>: who set which field last.</summary>
internal static class FieldManagers
{
    /// <summary>Fields that belong to nobody: they name the object or are the server's.</summary>
    private static readonly string[] Unowned =
        ["name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "selfLink", "managedFields", "deletionTimestamp", "deletionGracePeriodSeconds"];

    /// <summary>Computes the entries after a write and puts them on the object.</summary>
    /// <param name="fresh">The state to write, defaults filled in.</param>
    /// <param name="old">The state before; null when the object is new.</param>
    /// <param name="type">The kind.</param>
    /// <param name="writing">Who writes.</param>
    /// <param name="now">The time of entries that change.</param>
    public static void Update(JsonObject fresh, JsonObject? old, ResourceType type, Writing writing, string now)
    {
        var metadata = fresh.Child("metadata");
        var reset = metadata["managedFields"] is JsonArray { Count: 0 } && old is not null;
        metadata.Remove("managedFields");
        var managers = reset ? [] : Read(old);
        var changes = Owned(FieldTree.Compare(old ?? Blank(type), fresh, type.Schema), type, writing);
        var mine = managers.Find(manager => manager.IsOf(writing, type.ApiVersion));
        var touched = FieldSet.Union(changes.Added, changes.Modified);
        var fields = writing.Applied is { } applied
            ? Owned(FieldTree.Leaves(applied, type.Schema), type, writing)
            : FieldSet.Union(FieldSet.Difference(mine?.Fields ?? new(), changes.Removed), touched);
        var others = managers.Where(manager => manager != mine).ToList();
        if (writing is { Applied: not null, Force: false })
        {
            CheckConflicts(others, touched);
        }

        var result = others
            .Select(manager => manager with { Fields = FieldSet.Difference(FieldSet.Difference(manager.Fields, touched), changes.Removed) })
            .ToList();
        if (writing.Applied is not null)
        {
            // What several appliers set to the same value they own together.
            result = [.. others.Select(manager => manager with
            {
                Fields = FieldSet.Difference(FieldSet.Difference(manager.Fields, changes.Modified), changes.Removed),
            })];
        }

        if (mine is not null && mine.Fields.SameAs(fields))
        {
            result.Add(mine);
        }
        else
        {
            // The real server's scale writes carry no time.
            var time = writing.Subresource == "scale" ? null : now;
            result.Add(new(writing.Manager, writing.Operation, type.ApiVersion, writing.Subresource, time, fields));
        }

        Write(metadata, result);
    }

    public static List<FieldManager> Read(JsonObject? body) =>
        [.. body.ObjectsAt("metadata", "managedFields").Select(entry => new FieldManager(
            entry.TextAt("manager") ?? "",
            entry.TextAt("operation") ?? "",
            entry.TextAt("apiVersion") ?? "",
            entry.TextAt("subresource") ?? "",
            entry.TextAt("time"),
            FieldSet.FromJson(entry["fieldsV1"] as JsonObject ?? [])))];

    /// <summary>The state before the first field is set: what is always written is nobody's choice.</summary>
    private static JsonObject Blank(ResourceType type)
    {
        var body = new JsonObject { ["metadata"] = new JsonObject() };
        if (!type.IsCustom)
        {
            Filler.Fill(body, type.Schema, onlyZero: true);
        }

        return body;
    }

    private static FieldChanges Owned(FieldChanges changes, ResourceType type, Writing writing) =>
        new(Owned(changes.Added, type, writing), Owned(changes.Modified, type, writing), Owned(changes.Removed, type, writing));

    private static FieldSet Owned(FieldSet set, ResourceType type, Writing writing)
    {
        set.Remove("f:kind");
        set.Remove("f:apiVersion");
        if (set.Find("f:metadata") is { } metadata)
        {
            metadata.IsMember = false;
            foreach (var name in Unowned)
            {
                metadata.Remove($"f:{name}");
            }
        }

        if (type.HasStatus && writing.Subresource.Length == 0)
        {
            set.Remove("f:status");
        }
        else if (writing.Subresource == "status" && type.Bucket != "/pods")
        {
            set.Remove("f:spec");
            set.Remove("f:metadata");
        }

        return set.Trim();
    }

    private static void CheckConflicts(List<FieldManager> others, FieldSet touched)
    {
        var conflicts = others
            .SelectMany(manager => FieldSet.Intersection(manager.Fields, touched).Paths().Select(path => (Manager: Describe(manager), Path: path)))
            .ToList();
        if (conflicts.Count == 0)
        {
            return;
        }

        var list = string.Join("\n", conflicts.GroupBy(conflict => conflict.Manager)
            .Select(group => group.Count() == 1
                ? $"conflict with {group.Key}: {group.First().Path}"
                : $"conflicts with {group.Key}:\n- {string.Join("\n- ", group.Select(conflict => conflict.Path))}"));
        throw new ApiException(
            409,
            "Conflict",
            $"Apply failed with {conflicts.Count} conflict{(conflicts.Count == 1 ? "" : "s")}: {list}",
            new JsonObject
            {
                ["causes"] = new JsonArray([.. conflicts.Select(conflict => (JsonNode)new JsonObject
                {
                    ["reason"] = "FieldManagerConflict",
                    ["message"] = $"conflict with {conflict.Manager}",
                    ["field"] = conflict.Path,
                })]),
            });
    }

    private static string Describe(FieldManager manager)
    {
        var text = $"\"{manager.Name}\"";
        if (manager.Subresource.Length > 0)
        {
            text += $" with subresource \"{manager.Subresource}\"";
        }

        return manager.Operation == "Update" ? $"{text} using {manager.ApiVersion}" : text;
    }

    private static void Write(JsonObject metadata, List<FieldManager> managers)
    {
        var entries = managers
            .Where(manager => !manager.Fields.IsEmpty)
            .OrderBy(manager => manager.Operation, StringComparer.Ordinal)
            .ThenBy(manager => manager.Time ?? "", StringComparer.Ordinal)
            .ThenBy(manager => manager.Name, StringComparer.Ordinal)
            .ThenBy(manager => manager.ApiVersion, StringComparer.Ordinal)
            .ThenBy(manager => manager.Subresource, StringComparer.Ordinal)
            .Select(manager => (JsonNode)ToJson(manager))
            .ToArray();
        if (entries.Length > 0)
        {
            metadata["managedFields"] = new JsonArray(entries);
        }
    }

    private static JsonObject ToJson(FieldManager manager)
    {
        var entry = new JsonObject
        {
            ["manager"] = manager.Name,
            ["operation"] = manager.Operation,
            ["apiVersion"] = manager.ApiVersion,
        };
        if (manager.Time is not null)
        {
            entry["time"] = manager.Time;
        }

        entry["fieldsType"] = "FieldsV1";
        entry["fieldsV1"] = manager.Fields.ToJson();
        if (manager.Subresource.Length > 0)
        {
            entry["subresource"] = manager.Subresource;
        }

        return entry;
    }
}
