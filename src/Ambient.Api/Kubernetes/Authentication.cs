namespace Ambient.Api.Kubernetes;

/// <summary>Asks for a service account's token (authentication.k8s.io/v1, serviceaccounts/token).</summary>
public sealed record TokenRequest : IResource
{
    public string? ApiVersion { get; init; } = "authentication.k8s.io/v1";
    public string? Kind { get; init; } = "TokenRequest";
    public ObjectMeta Metadata { get; init; } = new();
    public TokenRequestSpec? Spec { get; init; }
    public TokenRequestStatus? Status { get; init; }
}

/// <summary>What the token is to be good for.</summary>
public sealed record TokenRequestSpec
{
    public IReadOnlyList<string>? Audiences { get; init; }
    public long? ExpirationSeconds { get; init; }
    public ObjectReference? BoundObjectRef { get; init; }
}

/// <summary>The token.</summary>
public sealed record TokenRequestStatus
{
    public string? Token { get; init; }
    public DateTimeOffset? ExpirationTimestamp { get; init; }
}

/// <summary>Asks whether a token is good (authentication.k8s.io/v1).</summary>
public sealed record TokenReview : IResource
{
    public string? ApiVersion { get; init; } = "authentication.k8s.io/v1";
    public string? Kind { get; init; } = "TokenReview";
    public ObjectMeta Metadata { get; init; } = new();
    public TokenReviewSpec? Spec { get; init; }
    public TokenReviewStatus? Status { get; init; }
}

/// <summary>The token in question.</summary>
public sealed record TokenReviewSpec
{
    public string? Token { get; init; }
    public IReadOnlyList<string>? Audiences { get; init; }
}

/// <summary>Whose token it is.</summary>
public sealed record TokenReviewStatus
{
    public bool? Authenticated { get; init; }
    public UserInfo? User { get; init; }
    public IReadOnlyList<string>? Audiences { get; init; }
    public string? Error { get; init; }
}

/// <summary>A user as the API server knows it.</summary>
public sealed record UserInfo
{
    public string? Username { get; init; }
    public string? Uid { get; init; }
    public IReadOnlyList<string>? Groups { get; init; }
    public IReadOnlyDictionary<string, IReadOnlyList<string>>? Extra { get; init; }
}
