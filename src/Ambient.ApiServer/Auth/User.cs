using System.Text.Json.Nodes;

namespace Ambient.ApiServer.Auth;

/// <summary>Who asks.</summary>
/// <param name="Name">E.g. <c>system:serviceaccount:ns:name</c>.</param>
/// <param name="Groups">The user's groups.</param>
/// <param name="Uid">Empty when unknown.</param>
internal sealed record User(string Name, IReadOnlyList<string> Groups, string Uid = "")
{
    public const string AdminGroup = "system:masters";

    public static User Anonymous { get; } = new("system:anonymous", ["system:unauthenticated"]);

    public static User Admin { get; } = new("kubernetes-admin", [AdminGroup, "system:authenticated"]);

    /// <summary>Further facts about a token's owner.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Extra { get; init; } = new Dictionary<string, IReadOnlyList<string>>();

    public bool IsAnonymous => Name == Anonymous.Name;

    public JsonObject ToJson()
    {
        var user = new JsonObject { ["username"] = Name };
        if (Uid.Length > 0)
        {
            user["uid"] = Uid;
        }

        user["groups"] = new JsonArray([.. Groups.Select(group => (JsonNode)group)]);
        if (Extra.Count > 0)
        {
            user["extra"] = new JsonObject(Extra.Select(entry => KeyValuePair.Create(
                entry.Key, (JsonNode?)new JsonArray([.. entry.Value.Select(value => (JsonNode)value)]))));
        }

        return user;
    }
}
