using System.Text.Json.Nodes;
using Ambient.ControlPlane.Derivation;
using Google.Protobuf;

namespace Ambient.ControlPlane.Tests.Derivation;

public sealed class RecordedSessionTests : ICluster
{
    private readonly MeshModel _model = Cluster.Model("");

    [Fact]
    public async Task Every_step_changes_the_recorded_resources_and_no_others()
    {
        var session = new RecordedSession();
        foreach (var resource in session.Start)
        {
            await ((ICluster)this).PutAsync(resource);
        }

        AssertSame("start", session.First, _model.Settle());
        foreach (var (what, pushes) in session.Steps)
        {
            await session.MakeAsync(what, this);

            AssertSame(what, pushes, _model.Settle());
        }
    }

    Task ICluster.PutAsync(JsonObject resource)
    {
        _model.Apply(resource);
        return Task.CompletedTask;
    }

    Task ICluster.DeleteAsync(JsonObject resource)
    {
        _model.Remove(resource);
        return Task.CompletedTask;
    }

    private static void AssertSame(string what, IReadOnlyList<RecordedPush> pushes, MeshChanges changes)
    {
        AssertSame(what, pushes.SingleOrDefault(push => push.Type == "Address"), changes.Addresses);

        // Recorded: the policy is sent again although only its selector changed, which is no part of what is sent. Ours is not.
        var resent = what == "the policy changes its selector";
        AssertSame(what, resent ? null : pushes.SingleOrDefault(push => push.Type == "Authorization"), changes.Authorizations);
    }

    private static void AssertSame<T>(string what, RecordedPush? push, Dictionary<string, T?> changes)
        where T : class, IMessage
    {
        var updates = changes.Where(change => change.Value is not null).ToDictionary(change => change.Key, change => RecordedForm.Of(change.Value!));
        Assert.Equal((push?.Resources.Keys ?? []).Order(StringComparer.Ordinal), updates.Keys.Order(StringComparer.Ordinal));
        Assert.Equal((push?.Removed ?? []).Order(StringComparer.Ordinal), changes.Where(change => change.Value is null).Select(change => change.Key).Order(StringComparer.Ordinal));
        foreach (var (name, resource) in updates)
        {
            Assert.True(JsonNode.DeepEquals(push!.Resources[name], resource), $"{what}: {name}\nrecorded {push.Resources[name].ToJsonString()}\nours     {resource.ToJsonString()}");
        }
    }
}
