using System.Text.Json.Nodes;
using Ambient.ApiServer.Http;
using Ambient.ApiServer.Kinds;
using Ambient.ApiServer.Storage;

namespace Ambient.ApiServer.Controllers;

/// <summary>Deletes objects whose owners are all gone, and lets owners go that wait for their dependents.</summary>
internal sealed class OwnerCollector(ServerState server)
{
    private const string Foreground = "foregroundDeletion";
    private const string Orphan = "orphan";

    /// <summary>An object made for an owner that is gone already goes after it.</summary>
    public void Created(ResourceType type, StoredObject item)
    {
        if (server.Options.Controllers && item.Owners().Any() && !HasLivingOwner(item))
        {
            Delete(type, item, null);
        }
    }

    /// <summary>An owner that was marked for foreground deletion or orphaning.</summary>
    public void Changed(ResourceType type, StoredObject item)
    {
        if (!item.IsDeleting)
        {
            return;
        }

        var finalizers = Finalizers(item);
        if (finalizers.Contains(Orphan))
        {
            foreach (var (kind, dependent) in Dependents(item.Uid))
            {
                Disown(kind, dependent, item.Uid);
            }

            Release(type, item, Orphan);
        }
        else if (finalizers.Contains(Foreground))
        {
            foreach (var (kind, dependent) in Dependents(item.Uid))
            {
                if (!dependent.IsDeleting)
                {
                    Delete(kind, dependent, "Foreground");
                }
            }

            ReleaseIfAlone(type, item);
        }
    }

    /// <summary>An object is gone: its dependents follow, and an owner may have waited for it.</summary>
    public void Deleted(StoredObject item)
    {
        foreach (var (kind, dependent) in Dependents(item.Uid))
        {
            if (!HasLivingOwner(dependent))
            {
                Delete(kind, dependent, null);
            }
            else
            {
                Disown(kind, dependent, item.Uid);
            }
        }

        foreach (var reference in item.Owners())
        {
            if (Owner(reference.GetProperty("uid").GetString()) is { } owner
                && owner.Item.IsDeleting && Finalizers(owner.Item).Contains(Foreground))
            {
                ReleaseIfAlone(owner.Type, owner.Item);
            }
        }
    }

    private static List<string> Finalizers(StoredObject item) =>
        item.Root.GetProperty("metadata").TryGetProperty("finalizers", out var list)
            ? [.. list.EnumerateArray().Select(entry => entry.GetString() ?? "")]
            : [];

    private IEnumerable<(ResourceType Type, StoredObject Item)> All() =>
        from type in server.Types.Types.Where(type => type.IsStored).DistinctBy(type => type.Bucket)
        from item in server.Store.List(type.Bucket).Items.Values
        select (type, item);

    private List<(ResourceType Type, StoredObject Item)> Dependents(string uid) =>
        [.. All().Where(entry => entry.Item.IsOwnedBy(uid))];

    private (ResourceType Type, StoredObject Item)? Owner(string? uid)
    {
        var found = All().FirstOrDefault(entry => entry.Item.Uid == uid);
        return found.Item is null ? null : found;
    }

    private bool HasLivingOwner(StoredObject item)
    {
        var owners = item.Owners().Select(owner => owner.GetProperty("uid").GetString()).ToHashSet();
        return All().Any(entry => owners.Contains(entry.Item.Uid));
    }

    private void Delete(ResourceType type, StoredObject item, string? propagation)
    {
        try
        {
            server.Deletes.Delete(type, item.Namespace, item.Name, new(null, propagation, item.Uid, null));
        }
        catch (ApiException error) when (error.Code is 404 or 409)
        {
            // Gone already, or made anew.
        }
    }

    private void Disown(ResourceType type, StoredObject item, string uid) => Change(type, item, metadata =>
    {
        var owners = metadata.ObjectsAt("ownerReferences").Where(owner => owner.TextAt("uid") != uid).Select(owner => owner.DeepClone()).ToArray();
        metadata.Remove("ownerReferences");
        if (owners.Length > 0)
        {
            metadata["ownerReferences"] = new JsonArray(owners);
        }
    });

    private void ReleaseIfAlone(ResourceType type, StoredObject item)
    {
        if (Dependents(item.Uid).Count == 0)
        {
            Release(type, item, Foreground);
        }
    }

    private void Release(ResourceType type, StoredObject item, string finalizer) => Change(type, item, metadata =>
    {
        var left = (metadata["finalizers"] as JsonArray ?? []).Where(entry => entry?.GetValue<string>() != finalizer)
            .Select(entry => entry?.DeepClone()).ToArray();
        metadata["finalizers"] = new JsonArray(left);
    });

    private void Change(ResourceType type, StoredObject item, Action<JsonObject> change)
    {
        try
        {
            server.Writes.Change(type, item.Namespace, item.Name, body =>
            {
                change(body.Child("metadata"));
                return body;
            }, Writing.By("kube-controller-manager"));
        }
        catch (ApiException error) when (error.Code is 404 or 409)
        {
            // Gone already, or made anew.
        }
    }
}
