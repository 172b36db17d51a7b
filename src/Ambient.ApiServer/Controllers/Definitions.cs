using System.Text.Json.Nodes;
using Ambient.ApiServer.Http;
using Ambient.ApiServer.Kinds;
using Ambient.ApiServer.Storage;

namespace Ambient.ApiServer.Controllers;

/// <summary>Serves the kinds of CustomResourceDefinitions.</summary>
internal sealed class Definitions(ServerState server)
{
    public static void SetCondition(JsonObject body, string type, string status, string reason, string message, string now)
    {
        var holder = body.Child("status");
        var conditions = holder["conditions"] as JsonArray;
        if (conditions is null)
        {
            holder["conditions"] = conditions = [];
        }

        foreach (var old in conditions.OfType<JsonObject>().Where(item => item.TextAt("type") == type).ToList())
        {
            conditions.Remove(old);
        }

        conditions.Add((JsonNode)new JsonObject
        {
            ["type"] = type,
            ["status"] = status,
            ["lastTransitionTime"] = now,
            ["reason"] = reason,
            ["message"] = message,
        });
    }

    public void Install(StoredObject definition)
    {
        var body = definition.Thaw("CustomResourceDefinition", "apiextensions.k8s.io/v1");
        var types = DefinitionRules.TypesOf(body);
        server.Types.Replace(body.TextAt("spec", "group")!, body.TextAt("spec", "names", "plural")!, types);
        var now = server.Now();
        var kind = server.Types.Get("apiextensions.k8s.io", "customresourcedefinitions");
        server.Writes.Change(kind, "", definition.Name, fresh =>
        {
            var status = fresh.Child("status");
            if (status.ObjectsAt("conditions").All(item => item.TextAt("type") != "Established"))
            {
                SetCondition(fresh, "NamesAccepted", "True", "NoConflicts", "no conflicts found", now);
                SetCondition(fresh, "Established", "True", "InitialNamesAccepted", "the initial names have been accepted", now);
            }

            status["acceptedNames"] = fresh.At("spec", "names")!.DeepClone();
            var stored = (status["storedVersions"] as JsonArray)?.Select(item => item?.GetValue<string>() ?? "").ToList() ?? [];
            stored.AddRange(fresh.Child("spec").ObjectsAt("versions")
                .Where(version => (bool?)version["storage"] == true).Select(version => version.TextAt("name") ?? ""));
            status["storedVersions"] = new JsonArray([.. stored.Distinct().Select(item => (JsonNode)item)]);
            return fresh;
        }, Writing.By("kube-apiserver", "status"));
        server.Writes.Change(kind, "", definition.Name, fresh =>
        {
            // Holds the definition until its objects are gone.
            fresh.Child("metadata")["finalizers"] = new JsonArray([.. (fresh.At("metadata", "finalizers") as JsonArray ?? [])
                .Select(item => item?.GetValue<string>()).Append(DefinitionRules.Finalizer).Distinct().Select(item => (JsonNode?)item)]);
            return fresh;
        }, Writing.By("kube-apiserver"));
    }

    /// <summary>A definition that is being deleted takes its objects and then itself away.</summary>
    public void Remove(StoredObject definition)
    {
        var group = definition.Field("spec.group");
        var plural = definition.Field("spec.names.plural");
        if (server.Types.Types.Find(type => type.Group == group && type.Plural == plural) is { } type)
        {
            foreach (var item in server.Store.List(type.Bucket).Items.Values)
            {
                DeleteItem(type, item);
            }

            if (server.Store.List(type.Bucket).Items.Count > 0)
            {
                // Finalizers hold some; the last to go brings its definition here again.
                return;
            }

            if (server.Store.Find("apiextensions.k8s.io/customresourcedefinitions", "", definition.Name)?.Uid != definition.Uid)
            {
                // The last object to go took its definition along.
                return;
            }

            server.Types.Replace(group, plural, []);
            server.Store.Drop(type.Bucket);
        }

        var kind = server.Types.Get("apiextensions.k8s.io", "customresourcedefinitions");
        server.Writes.Change(kind, "", definition.Name, body =>
        {
            body.Child("metadata")["finalizers"] = new JsonArray([.. (body.At("metadata", "finalizers") as JsonArray ?? [])
                .Where(item => item?.GetValue<string>() != DefinitionRules.Finalizer).Select(item => item?.DeepClone())]);
            return body;
        }, Writing.By("kube-apiserver"));
    }

    private void DeleteItem(ResourceType type, StoredObject item)
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
}
