using System.Text.Json.Nodes;

namespace Ambient.ApiServer.Kinds;

/// <summary>What a kind adds to the structure of its schema: defaults that depend on other fields, checks, and statuses.</summary>
internal class KindRules
{
    public static KindRules None { get; } = new();

    /// <summary>Fields that field selectors may name, beyond <c>metadata.name</c> and <c>metadata.namespace</c>.</summary>
    public virtual IReadOnlyList<string> SelectableFields => [];

    /// <summary>Defaults that the schema cannot express; on each write, before field managers are told apart.</summary>
    public virtual void Default(JsonObject body)
    {
    }

    /// <summary>What the server decides about a new object: its first status, addresses and the like.</summary>
    public virtual void Create(JsonObject body, WriteContext context)
    {
        body.Remove("status");
    }

    /// <summary>What the server decides about a changed object.</summary>
    public virtual void Update(JsonObject body, JsonObject old, WriteContext context)
    {
    }

    /// <summary>Why the object is not valid.</summary>
    /// <param name="body">The object.</param>
    /// <param name="old">The state before; null when it is new.</param>
    /// <param name="causes">Where to add reasons.</param>
    public virtual void Validate(JsonObject body, JsonObject? old, List<Cause> causes)
    {
    }

    /// <summary>After an object is gone for good.</summary>
    public virtual void Deleted(JsonObject body, WriteContext context)
    {
    }
}

/// <summary>What a write may use beyond the object.</summary>
/// <param name="Server">The server.</param>
/// <param name="Type">The kind.</param>
/// <param name="IsDryRun">Nothing may be kept.</param>
internal sealed record WriteContext(ServerState Server, ResourceType Type, bool IsDryRun);
