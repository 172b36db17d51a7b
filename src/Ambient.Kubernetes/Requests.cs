using System.Text;

namespace Ambient.Kubernetes;

/// <summary>The four ways to patch.</summary>
public enum PatchType
{
    /// <summary>JSON Patch (RFC 6902): a list of operations.</summary>
    Json,

    /// <summary>JSON Merge Patch (RFC 7386): lists are replaced.</summary>
    Merge,

    /// <summary>Strategic merge: lists of built-in kinds are merged by their keys. Not for custom resources.</summary>
    StrategicMerge,

    /// <summary>Server-side apply: what this field manager wants, created when it does not exist.</summary>
    Apply,
}

/// <summary>How to patch.</summary>
/// <param name="Subresource">E.g. <c>status</c>; null means the object itself.</param>
/// <param name="FieldManager">Who asks; needed for <see cref="PatchType.Apply"/>.</param>
/// <param name="Force">With apply: take fields that others own.</param>
public sealed record PatchOptions(string? Subresource = null, string? FieldManager = null, bool Force = false);

/// <summary>How to delete.</summary>
/// <param name="GracePeriodSeconds">Seconds a pod is given to end; 0 removes it at once; null means the object's own.</param>
/// <param name="PropagationPolicy"><c>Background</c>, <c>Foreground</c> or <c>Orphan</c>; null means the kind's default.</param>
/// <param name="Uid">Delete only this very object.</param>
/// <param name="ResourceVersion">Delete only this very version.</param>
public sealed record DeleteOptions(
    long? GracePeriodSeconds = null, string? PropagationPolicy = null, string? Uid = null, string? ResourceVersion = null);

/// <summary>What to list.</summary>
public sealed record ListOptions
{
    /// <summary>E.g. <c>app=web,tier!=db</c>.</summary>
    public string? LabelSelector { get; init; }

    /// <summary>E.g. <c>spec.nodeName=node-1</c>.</summary>
    public string? FieldSelector { get; init; }

    /// <summary>Objects per page. 500 as client-go: a page of pods stays under some megabytes.</summary>
    public int PageSize { get; init; } = 500;

    /// <summary>The oldest acceptable state; null means the newest.</summary>
    public string? ResourceVersion { get; init; }
}

/// <summary>What to watch.</summary>
public sealed record WatchOptions
{
    /// <summary>As <see cref="ListOptions.LabelSelector"/>.</summary>
    public string? LabelSelector { get; init; }

    /// <summary>As <see cref="ListOptions.FieldSelector"/>.</summary>
    public string? FieldSelector { get; init; }

    /// <summary>Report what changed after this version; null begins with the present state.</summary>
    public string? ResourceVersion { get; init; }

    /// <summary>When the server ends the watch. 5 min: often enough to spread watches over replicas, rare enough to cost nothing.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// How long the watch may stay silent before it is taken for dead. Longer than <see cref="Timeout"/>, at which a
    /// living server ends the watch, so a living watch never reaches it.
    /// </summary>
    public TimeSpan SilenceLimit { get; init; } = TimeSpan.FromMinutes(5.5);
}

/// <summary>Builds a query string from the parts that are set.</summary>
internal sealed class Query
{
    private readonly StringBuilder _text = new();

    public Query Add(string name, string? value)
    {
        if (value is not null)
        {
            _text.Append(_text.Length == 0 ? '?' : '&').Append(name).Append('=').Append(Uri.EscapeDataString(value));
        }

        return this;
    }

    public override string ToString() => _text.ToString();
}
