using System.Security.Cryptography;
using System.Text;
using Ambient.ApiServer.Schemas;

namespace Ambient.ApiServer.Kinds;

/// <summary>A part of a resource that is read and written by itself.</summary>
/// <param name="Name">E.g. <c>status</c>.</param>
/// <param name="Kind">The kind that it takes and gives.</param>
/// <param name="Verbs">What can be done.</param>
/// <param name="GroupVersion">Of the kind, when it is not the resource's own.</param>
internal sealed record Subresource(string Name, string Kind, IReadOnlyList<string> Verbs, string? GroupVersion = null);

/// <summary>What a name may look like.</summary>
internal enum NameRule
{
    /// <summary>RFC 1123 subdomain.</summary>
    Subdomain,

    /// <summary>RFC 1123 label.</summary>
    Label,

    /// <summary>RFC 1035 label.</summary>
    ServiceLabel,

    /// <summary>Anything that is one path segment.</summary>
    PathSegment,
}

/// <summary>A kind in one version, as the API serves it.</summary>
internal sealed record ResourceType
{
    public static readonly IReadOnlyList<string> AllVerbs =
        ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

    public static readonly IReadOnlyList<string> StatusVerbs = ["get", "patch", "update"];

    public required string Group { get; init; }

    public required string Version { get; init; }

    public required string Kind { get; init; }

    public required string Plural { get; init; }

    public required string Singular { get; init; }

    public required bool Namespaced { get; init; }

    public required Schema Schema { get; init; }

    public string ListKind { get; init; } = "";

    public IReadOnlyList<string> ShortNames { get; init; } = [];

    public IReadOnlyList<string> Categories { get; init; } = [];

    public IReadOnlyList<string> Verbs { get; init; } = AllVerbs;

    public IReadOnlyList<Subresource> Subresources { get; init; } = [];

    /// <summary>Whether a CustomResourceDefinition made it.</summary>
    public bool IsCustom { get; init; }

    /// <summary>The version that storage uses, of a custom resource of several; its hash is in discovery.</summary>
    public string StorageVersion { get; init; } = "";

    /// <summary>Whether <c>metadata.generation</c> counts changes of the spec.</summary>
    public bool HasGeneration { get; init; }

    public NameRule Names { get; init; }

    public KindRules Rules { get; init; } = KindRules.None;

    /// <summary>Columns of custom resources beyond the name.</summary>
    public IReadOnlyList<PrinterColumn> Columns { get; init; } = [];

    public string ApiVersion => Group.Length == 0 ? Version : $"{Group}/{Version}";

    /// <summary>Versions of a kind share their objects.</summary>
    public string Bucket => $"{Group}/{Plural}";

    public bool IsStored => Verbs.Contains("list") && Plural != "componentstatuses";

    public bool HasStatus => Subresources.Any(part => part.Name == "status");

    public string ItemsKind => ListKind.Length > 0 ? ListKind : $"{Kind}List";

    /// <summary>As the real server computes it, from the stored version's name.</summary>
    public string StorageVersionHash =>
        Convert.ToBase64String(SHA256.HashData(
            Encoding.UTF8.GetBytes($"{Group}/{(StorageVersion.Length > 0 ? StorageVersion : Version)}/{Kind}")).AsSpan(0, 8));
}

/// <summary>A column of a custom resource's table.</summary>
internal sealed record PrinterColumn(string Name, string Type, string Format, string Description, int Priority, string JsonPath);
