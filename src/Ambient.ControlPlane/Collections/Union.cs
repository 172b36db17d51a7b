namespace Ambient.ControlPlane.Collections;

/// <summary>Several collections as one; no two of them may have an object of the same key.</summary>
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

            part.Changed += change => Replace(change.Key, change.New);
        }
    }
}
