namespace Ambient.ControlPlane.Collections;

/// <summary>
/// Several collections as one. At most one has an object of a key, but while objects change hands one may take it before another lets go: then
/// the one that has it counts.
/// </summary>
internal sealed class Union<T> : Collection<T>
    where T : class
{
    public Union(params Collection<T>[] parts)
    {
        foreach (var part in parts)
        {
            foreach (var (key, item) in part.Items)
            {
                Replace(key, item);
            }

            part.Changed += change => Replace(change.Key, change.New ?? parts.Select(other => other.Items.GetValueOrDefault(change.Key)).FirstOrDefault(item => item is not null));
        }
    }
}
