using Ambient.ApiServer.Kinds;
using Ambient.ApiServer.Storage;

namespace Ambient.ApiServer.Selectors;

/// <summary>A field selector: <c>a.b=c,d!=e</c>.</summary>
internal sealed class FieldSelector(IReadOnlyList<(string Path, string Value, bool Equal)> terms)
{
    private static readonly string[] Common = ["metadata.name", "metadata.namespace"];

    public bool Matches(StoredObject item) => terms.All(term => (item.Field(term.Path) == term.Value) == term.Equal);

    public static FieldSelector Parse(string text, ResourceType type)
    {
        var terms = new List<(string, string, bool)>();
        foreach (var term in text.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            var equal = !term.Contains("!=", StringComparison.Ordinal);
            var parts = term.Split(equal ? (term.Contains("==", StringComparison.Ordinal) ? "==" : "=") : "!=", 2);
            if (parts.Length != 2)
            {
                throw Refusal.BadRequest($"invalid selector: '{text}'; can't understand '{term}'");
            }

            var known = Common.Concat(type.Rules.SelectableFields).ToList();
            if (!known.Contains(parts[0]))
            {
                throw Refusal.BadRequest(
                    $"\"{parts[0]}\" is not a known field selector: only {string.Join(", ", known.Select(field => $"\"{field}\""))}");
            }

            terms.Add((parts[0], parts[1], equal));
        }

        return new(terms);
    }
}
