using System.Buffers;
using System.Collections.Immutable;
using Ambient.Mesh.Config;
using Way = Ambient.Api.Waypoints;

namespace Ambient.Mesh.Http;

/// <summary>
/// Reads changes of headers. What would not be a field is refused here, so that nothing can fail while a request is under way; and so is what frames a
/// message: who could set that could smuggle.
/// </summary>
internal static class HeaderChangesDecoder
{
    /// <summary>A token, RFC 9110 §5.6.2, in lower case.</summary>
    private static readonly SearchValues<char> Token = SearchValues.Create("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz");

    /// <summary>Control characters but for the tab, RFC 9110 §5.5.</summary>
    private static readonly SearchValues<char> ForbiddenInValues = SearchValues.Create(
        [.. Enumerable.Range(0, 0x20).Where(code => code != '\t').Append(0x7f).Select(code => (char)code)]);

    public static HeaderChanges? Decode(Way.HeaderChanges? from, bool ofRequest)
    {
        if (from is null || (from.Set.Count == 0 && from.Add.Count == 0 && from.Remove.Count == 0))
        {
            return null;
        }

        var set = Values(from.Set, ofRequest);
        var add = Values(from.Add, ofRequest);
        return new HeaderChanges
        {
            // What frames a message is not among its fields, so that there is nothing to remove.
            Remove = [.. from.Remove.Select(Lower).Where(name => !IsFraming(name) && !(ofRequest && IsAuthority(name)))],
            Set = [.. set.Where(header => !(ofRequest && IsAuthority(header.Name)))],
            Add = [.. add.Where(header => !(ofRequest && IsAuthority(header.Name)))],
            Authority = ofRequest ? RouteDecoder.Host(set.AddRange(add).LastOrDefault(header => IsAuthority(header.Name)).Value, "host") : null,
        };
    }

    private static ImmutableArray<HeaderValue> Values(IEnumerable<Way.Header> from, bool ofRequest) => [.. from.Select(header =>
    {
        var name = Lower(header.Name);
        if (IsFraming(name) || (name[0] == ':' && !(ofRequest && IsAuthority(name))))
        {
            throw new MeshConfigException($"the header '{header.Name}' is not for routes to set");
        }

        return header.Value.AsSpan().ContainsAny(ForbiddenInValues)
            ? throw new MeshConfigException($"the value of the header '{header.Name}' has control characters")
            : new HeaderValue(name, WireText.Of(header.Value));
    })];

    private static string Lower(string name)
    {
        var lower = name.ToLowerInvariant();
        return lower.Length > 0 && !lower.AsSpan(lower[0] == ':' ? 1 : 0).ContainsAnyExcept(Token)
            ? lower
            : throw new MeshConfigException($"'{name}' is no name of a header");
    }

    /// <summary>To change the host by these names is to change what the request names, not to add a field.</summary>
    private static bool IsAuthority(string name) => name is "host" or ":authority";

    private static bool IsFraming(string name) =>
        name is "connection" or "content-length" or "keep-alive" or "proxy-connection" or "te" or "trailer" or "transfer-encoding" or "upgrade";
}
