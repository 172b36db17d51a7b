using System.Text.Json.Nodes;
using Ambient.ApiServer.Kinds;
using Ambient.ApiServer.ManagedFields;
using Ambient.ApiServer.Schemas;
using Ambient.ApiServer.Storage;

namespace Ambient.ApiServer.Http;

/// <summary>Who writes, and how: what managed fields remember.</summary>
/// <param name="Manager">The field manager.</param>
/// <param name="Operation"><c>Update</c> or <c>Apply</c>.</param>
/// <param name="Subresource">The part that is written; empty for the object.</param>
internal sealed record Writing(string Manager, string Operation, string Subresource)
{
    /// <summary>The configuration of server-side apply; null for other writes.</summary>
    public JsonObject? Applied { get; init; }

    /// <summary>Take fields that others own.</summary>
    public bool Force { get; init; }

    public static Writing By(string manager, string subresource = "") => new(manager, "Update", subresource);
}

/// <summary>Creates and changes objects: all the steps between a decoded body and the store.</summary>
internal sealed class Writes(ServerState server)
{
    /// <summary>Changes by others between read and write; each try is short, so five lost races in a row mean real contention.</summary>
    private const int MostTries = 5;

    /// <summary>Creates an object whose body has been decoded.</summary>
    public StoredObject Create(ResourceType type, string ns, JsonObject body, Writing writing, bool dryRun = false)
    {
        var metadata = body.Child("metadata");
        if (metadata.TextAt("resourceVersion") is { Length: > 0 })
        {
            throw Refusal.BadRequest("resourceVersion should not be set on objects to be created");
        }

        Scope(type, ns, metadata);
        CheckNamespace(type, ns, metadata.TextAt("name") ?? "");
        Filler.Fill(body, type.Schema);
        type.Rules.Default(body);
        metadata = body.Child("metadata");
        foreach (var field in new[] { "uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "resourceVersion", "managedFields" })
        {
            metadata.Remove(field);
        }

        var generated = metadata.TextAt("generateName") is { Length: > 0 } && string.IsNullOrEmpty(metadata.TextAt("name"));
        if (generated)
        {
            metadata["name"] = Names.Generate(metadata.TextAt("generateName")!);
        }

        CheckName(type, metadata);
        // A definition's default status arrives here; everything before belongs to the writer.
        FieldManagers.Update(body, null, type, writing, server.Now());
        type.Rules.Create(body, new(server, type, dryRun));
        Filler.Fill(body, type.Schema);
        metadata = body.Child("metadata");
        metadata["uid"] = Guid.NewGuid().ToString();
        metadata["creationTimestamp"] = server.Now();
        if (type.HasGeneration)
        {
            metadata["generation"] = 1;
        }

        Drop(body);
        try
        {
            Validate(type, body, null);
        }
        catch (ApiException) when (!dryRun)
        {
            // What was given to the object before it was refused goes back.
            type.Rules.Deleted(body, new(server, type, dryRun));
            throw;
        }

        if (dryRun)
        {
            if (server.Store.Find(type.Bucket, ns, metadata.TextAt("name")!) is not null)
            {
                throw Refusal.AlreadyExists(type.Group, type.Plural, metadata.TextAt("name")!);
            }

            return StoredObject.Freeze(body);
        }

        var created = server.Store.Create(type.Bucket, body);
        if (created is null)
        {
            type.Rules.Deleted(body, new(server, type, dryRun));
            throw Refusal.AlreadyExists(type.Group, type.Plural, metadata.TextAt("name")!);
        }

        server.Controllers.Created(type, created);
        return created;
    }

    /// <summary>Changes an object: reads, lets the caller change, checks, writes; again when somebody else was faster.</summary>
    /// <param name="type">The kind.</param>
    /// <param name="ns">The namespace.</param>
    /// <param name="name">The name.</param>
    /// <param name="change">Makes the wanted state from a copy of the present one.</param>
    /// <param name="writing">Who writes.</param>
    /// <param name="dryRun">Keep nothing.</param>
    public StoredObject Change(
        ResourceType type, string ns, string name, Func<JsonObject, JsonObject> change, Writing writing, bool dryRun = false)
    {
        for (var attempt = 1; ; attempt++)
        {
            var read = server.Store.Find(type.Bucket, ns, name) ?? throw Refusal.NotFound(type.Group, type.Plural, name);
            var old = read.Thaw(type.Kind, type.ApiVersion);
            var fresh = change(old.DeepClone().AsObject());
            var asked = fresh.TextAt("metadata", "resourceVersion");
            if (Prepare(type, fresh, old, writing, dryRun) is not { } prepared)
            {
                return read;
            }

            if (dryRun)
            {
                return StoredObject.Freeze(prepared);
            }

            if (Finish(type, read, prepared) is { } written)
            {
                return written;
            }

            if (asked is { Length: > 0 } && asked != server.Store.Find(type.Bucket, ns, name)?.Version.ToString() || attempt == MostTries)
            {
                throw Refusal.StaleVersion(type.Group, type.Plural, name);
            }
        }
    }

    /// <summary>Writes; an object that only waited for its last finalizer goes with it. Null when somebody was faster.</summary>
    private StoredObject? Finish(ResourceType type, StoredObject read, JsonObject prepared)
    {
        var metadata = prepared.Child("metadata");
        var finalizers = metadata["finalizers"] as JsonArray;
        var namespaceHeld = type.Bucket == "/namespaces" && prepared.At("spec", "finalizers") is JsonArray { Count: > 0 };
        if (metadata["deletionTimestamp"] is not null && finalizers is null or { Count: 0 } && !namespaceHeld
            && metadata["deletionTimestamp"] is not null && (metadata.NumberAt("deletionGracePeriodSeconds") ?? 0) == 0)
        {
            if (!server.Store.Remove(type.Bucket, read, prepared))
            {
                return null;
            }

            server.Controllers.Deleted(type, read);
            return StoredObject.Freeze(prepared);
        }

        var written = server.Store.Replace(type.Bucket, read, prepared);
        if (written is not null)
        {
            server.Controllers.Changed(type, read, written);
        }

        return written;
    }

    /// <summary>Everything between a wanted state and one that may be written; null when nothing changes.</summary>
    private JsonObject? Prepare(ResourceType type, JsonObject fresh, JsonObject old, Writing writing, bool dryRun)
    {
        var name = old.TextAt("metadata", "name")!;
        CheckIdentity(type, fresh, old, name);
        Filler.Fill(fresh, type.Schema);
        type.Rules.Default(fresh);
        RestoreMetadata(fresh, old);
        RestoreParts(type, fresh, old, writing);
        // Defaults of parts that were put back must not look like changes.
        FieldManagers.Update(fresh, old, type, writing, server.Now());
        type.Rules.Update(fresh, old, new(server, type, dryRun));
        Drop(fresh);
        if (type.HasGeneration && IsNewGeneration(type, fresh, old))
        {
            fresh.Child("metadata")["generation"] = (old.NumberAt("metadata", "generation") ?? 0) + 1;
        }

        if (JsonNode.DeepEquals(fresh, old))
        {
            return null;
        }

        Validate(type, fresh, old);
        return fresh;
    }

    private static void CheckIdentity(ResourceType type, JsonObject fresh, JsonObject old, string name)
    {
        var metadata = fresh.Child("metadata");
        if (metadata.TextAt("name") is { Length: > 0 } given && given != name)
        {
            throw Refusal.BadRequest($"the name of the object ({given}) does not match the name on the URL ({name})");
        }

        var ns = old.TextAt("metadata", "namespace");
        if (metadata.TextAt("namespace") is { Length: > 0 } other && other != ns)
        {
            throw Refusal.BadRequest($"the namespace of the object ({other}) does not match the namespace on the URL ({ns})");
        }

        if (metadata.TextAt("uid") is { Length: > 0 } uid && uid != old.TextAt("metadata", "uid"))
        {
            throw Refusal.Conflict(type.Group, type.Plural, name,
                $"Precondition failed: UID in precondition: {uid}, UID in object meta: {old.TextAt("metadata", "uid")}");
        }

        if (metadata.TextAt("resourceVersion") is { Length: > 0 } version && version != old.TextAt("metadata", "resourceVersion"))
        {
            throw Refusal.StaleVersion(type.Group, type.Plural, name);
        }
    }

    /// <summary>The server's own fields are never the client's to change.</summary>
    private static void RestoreMetadata(JsonObject fresh, JsonObject old)
    {
        var metadata = fresh.Child("metadata");
        foreach (var field in new[] { "name", "generateName", "namespace", "uid", "resourceVersion", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds" })
        {
            metadata.Remove(field);
            if (old.At("metadata", field) is { } value)
            {
                metadata[field] = value.DeepClone();
            }
        }

        metadata.Remove("selfLink");
    }

    /// <summary>A write to a part changes only that part, and a write to the object does not change its status.</summary>
    private static void RestoreParts(ResourceType type, JsonObject fresh, JsonObject old, Writing writing)
    {
        if (writing.Subresource == "status")
        {
            var status = fresh["status"]?.DeepClone();
            var metadata = fresh["metadata"]!.DeepClone();
            foreach (var name in fresh.Select(entry => entry.Key).ToList())
            {
                fresh.Remove(name);
            }

            foreach (var (name, value) in old)
            {
                if (name != "status")
                {
                    fresh[name] = value?.DeepClone();
                }
            }

            if (type.Bucket == "/pods")
            {
                fresh["metadata"] = metadata;
            }
            else if (metadata["managedFields"] is { } managers)
            {
                fresh.Child("metadata")["managedFields"] = managers.DeepClone();
            }

            if (status is not null)
            {
                fresh["status"] = status;
            }
        }
        else if (type.HasStatus && writing.Subresource is not ("ephemeralcontainers" or "resize"))
        {
            fresh.Remove("status");
            if (old.ContainsKey("status"))
            {
                fresh["status"] = old["status"]?.DeepClone();
            }
        }
    }

    private static bool IsNewGeneration(ResourceType type, JsonObject fresh, JsonObject old)
    {
        if (!type.IsCustom && fresh.ContainsKey("spec"))
        {
            return !JsonNode.DeepEquals(fresh["spec"], old["spec"]);
        }

        string[] apart = type.HasStatus ? ["metadata", "status"] : ["metadata"];
        var names = fresh.Select(entry => entry.Key).Union(old.Select(entry => entry.Key)).Except(apart);
        return names.Any(name => !JsonNode.DeepEquals(fresh[name], old[name]));
    }

    private static void Scope(ResourceType type, string ns, JsonObject metadata)
    {
        if (metadata.TextAt("namespace") is { Length: > 0 } given && given != ns)
        {
            throw Refusal.BadRequest("the namespace of the provided object does not match the namespace sent on the request");
        }

        metadata.Remove("namespace");
        if (type.Namespaced)
        {
            metadata["namespace"] = ns;
        }
    }

    private void CheckNamespace(ResourceType type, string ns, string name)
    {
        if (!type.Namespaced)
        {
            return;
        }

        var home = server.Store.Find("/namespaces", "", ns) ?? throw Refusal.NotFound("", "namespaces", ns);
        if (home.IsDeleting)
        {
            var details = Refusal.Details(name, type.Group, type.Plural);
            details["causes"] = new JsonArray(new JsonObject
            {
                ["reason"] = "NamespaceTerminating",
                ["message"] = $"namespace {ns} is being terminated",
                ["field"] = "metadata.namespace",
            });
            throw new ApiException(
                403,
                "Forbidden",
                $"{type.Plural} \"{name}\" is forbidden: unable to create new content in namespace {ns} because it is being terminated",
                details);
        }
    }

    private static void CheckName(ResourceType type, JsonObject metadata)
    {
        var name = metadata.TextAt("name") ?? "";
        if (name.Length == 0)
        {
            throw Refusal.Invalid(type.Group, type.Kind, "", Cause.Required("metadata.name", "name or generateName is required"));
        }

        if (Names.Check(name, type.Names) is { } problem)
        {
            throw Refusal.Invalid(type.Group, type.Kind, name, Cause.Invalid("metadata.name", name, problem));
        }
    }

    /// <summary>Empty lists and maps of metadata are not kept.</summary>
    private static void Drop(JsonObject body)
    {
        var metadata = body.Child("metadata");
        foreach (var name in new[] { "labels", "annotations", "finalizers", "ownerReferences" })
        {
            if (metadata[name] is JsonObject { Count: 0 } or JsonArray { Count: 0 } || (metadata.ContainsKey(name) && metadata[name] is null))
            {
                metadata.Remove(name);
            }
        }
    }

    private static void Validate(ResourceType type, JsonObject body, JsonObject? old)
    {
        var causes = type.IsCustom ? CustomValidation.Validate(body, old, type.Schema) : [];
        MetadataRules.Validate(body.Child("metadata"), old.At("metadata") as JsonObject, causes);
        type.Rules.Validate(body, old, causes);
        if (causes.Count > 0)
        {
            throw Refusal.Invalid(type.Group, type.Kind, body.TextAt("metadata", "name") ?? "", causes);
        }
    }
}
