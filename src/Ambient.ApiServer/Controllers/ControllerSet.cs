using System.Text.Json.Nodes;
using Ambient.ApiServer.Http;
using Ambient.ApiServer.Kinds;
using Ambient.ApiServer.Storage;

namespace Ambient.ApiServer.Controllers;

/// <summary>
/// What a cluster does by itself after a write. It happens on the writer's thread, before its answer, so a client that has
/// the answer finds it done.
/// </summary>
internal sealed class ControllerSet(ServerState server)
{
    private readonly Definitions _definitions = new(server);
    private readonly OwnerCollector _owners = new(server);

    public void Created(ResourceType type, StoredObject item)
    {
        switch (type.Bucket)
        {
            case "apiextensions.k8s.io/customresourcedefinitions":
                _definitions.Install(item);
                break;
            case "/namespaces" when server.Options.Controllers:
                FurnishNamespace(item.Name);
                break;
        }

        _owners.Created(type, item);
    }

    public void Changed(ResourceType type, StoredObject old, StoredObject item)
    {
        switch (type.Bucket)
        {
            case "apiextensions.k8s.io/customresourcedefinitions":
                if (item.IsDeleting)
                {
                    _definitions.Remove(item);
                }
                else if (old.Field("spec") != item.Field("spec"))
                {
                    _definitions.Install(item);
                }

                break;
            case "/namespaces" when item.IsDeleting:
                Empty(item.Name);
                break;
        }

        _owners.Changed(type, item);
    }

    public void Deleted(ResourceType type, StoredObject item)
    {
        type.Rules.Deleted(item.Thaw(type.Kind, type.ApiVersion), new(server, type, false));
        _owners.Deleted(item);
        if (type.IsCustom && server.Store.Find(
            "apiextensions.k8s.io/customresourcedefinitions", "", $"{type.Plural}.{type.Group}") is { IsDeleting: true } definition)
        {
            _definitions.Remove(definition);
        }

        if (item.Namespace.Length > 0)
        {
            if (server.Options.Controllers && type.Bucket is "/serviceaccounts" or "/configmaps"
                && server.Store.Find("/namespaces", "", item.Namespace) is { IsDeleting: false })
            {
                FurnishNamespace(item.Namespace);
            }

            FinishNamespace(item.Namespace);
        }
    }

    /// <summary>Gives a namespace what each has: the default service account, and the roots that vouch for this server.</summary>
    private void FurnishNamespace(string ns)
    {
        CreateIfMissing("serviceaccounts", ns, new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "ServiceAccount",
            ["metadata"] = new JsonObject { ["name"] = "default" },
        });
        CreateIfMissing("configmaps", ns, new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "ConfigMap",
            ["metadata"] = new JsonObject { ["name"] = "kube-root-ca.crt" },
            ["data"] = new JsonObject { ["ca.crt"] = server.Certificates.AuthorityPem },
        });
    }

    private void CreateIfMissing(string plural, string ns, JsonObject body)
    {
        var type = server.Types.Get("", plural);
        if (server.Store.Find(type.Bucket, ns, body.TextAt("metadata", "name")!) is not null)
        {
            return;
        }

        try
        {
            server.Writes.Create(type, ns, body, Writing.By("kube-controller-manager"));
        }
        catch (ApiException error) when (error.Code is 404 or 409 or 403)
        {
            // Made by somebody else in the meantime, or the namespace is going.
        }
    }

    /// <summary>Deletes what is in a namespace that is being deleted.</summary>
    private void Empty(string ns)
    {
        foreach (var type in server.Types.Types.Where(type => type.Namespaced && type.IsStored).DistinctBy(type => type.Bucket))
        {
            foreach (var item in server.Store.List(type.Bucket).Items.Values.Where(item => item.Namespace == ns && !item.IsDeleting))
            {
                DeleteQuietly(type, item);
            }
        }

        FinishNamespace(ns);
    }

    private void DeleteQuietly(ResourceType type, StoredObject item)
    {
        try
        {
            server.Deletes.Delete(type, item.Namespace, item.Name, new(null, null, item.Uid, null));
        }
        catch (ApiException error) when (error.Code is 404 or 409)
        {
            // Gone already, or made anew.
        }
    }

    /// <summary>Lets a namespace go when it is being deleted and empty.</summary>
    private void FinishNamespace(string ns)
    {
        if (server.Store.Find("/namespaces", "", ns) is not { IsDeleting: true })
        {
            return;
        }

        var occupied = server.Types.Types.Where(type => type.Namespaced && type.IsStored)
            .Any(type => server.Store.List(type.Bucket).Items.Values.Any(item => item.Namespace == ns));
        if (occupied)
        {
            return;
        }

        var namespaces = server.Types.Get("", "namespaces");
        while (server.Store.Find("/namespaces", "", ns) is { IsDeleting: true } home)
        {
            var body = home.Thaw("Namespace", "v1");
            body["spec"] = new JsonObject();
            var held = body.At("metadata", "finalizers") is JsonArray { Count: > 0 };
            if (held ? server.Store.Replace("/namespaces", home, body) is not null : server.Store.Remove("/namespaces", home, body))
            {
                if (!held)
                {
                    Deleted(namespaces, home);
                }

                return;
            }
        }
    }
}
