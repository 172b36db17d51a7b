using System.Collections.Concurrent;
using Ambient.Xds.Delta;

namespace Ambient.Xds.Tests.Delta;

/// <summary>Keeps what it is given, but refuses names that the test says.</summary>
internal sealed class RecordingSink(Func<ReceivedResource, string?>? refuse = null) : IResourceSink
{
    public ConcurrentDictionary<string, ReceivedResource> Held { get; } = new();

    public Action? BeforeApply { get; set; }

    public IReadOnlyList<ResourceRejection> Apply(IReadOnlyList<ReceivedResource> updates, IReadOnlyList<string> removals)
    {
        BeforeApply?.Invoke();
        var rejections = new List<ResourceRejection>();
        foreach (var update in updates)
        {
            if (refuse?.Invoke(update) is { } reason)
            {
                rejections.Add(new ResourceRejection(update.Name, reason));
            }
            else
            {
                Held[update.Name] = update;
            }
        }

        foreach (var name in removals)
        {
            Held.TryRemove(name, out _);
        }

        return rejections;
    }
}
