using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Authority;

namespace Ambient.ControlPlane.Tests.Authority;

public sealed class TokenAuthenticatorTests
{
    private static readonly TokenReviewStatus Good = new()
    {
        Authenticated = true,
        Audiences = ["istio-ca"],
        User = new UserInfo
        {
            Username = "system:serviceaccount:istio-system:ztunnel",
            Groups = ["system:serviceaccounts", "system:serviceaccounts:istio-system", "system:authenticated"],
            Extra = new Dictionary<string, IReadOnlyList<string>>
            {
                ["authentication.kubernetes.io/pod-name"] = ["ztunnel-1"],
                ["authentication.kubernetes.io/pod-uid"] = ["uid-1"],
            },
        },
    };

    [Fact]
    public void A_service_accounts_token_is_a_caller()
    {
        Assert.Null(TokenAuthenticator.Read(Good, "example.org", ["istio-ca"], out var caller));

        Assert.Equal("spiffe://example.org/ns/istio-system/sa/ztunnel", caller!.Identity.ToString());
        Assert.Equal(("ztunnel-1", "uid-1"), (caller.PodName, caller.PodUid));
    }

    public static TheoryData<string, string> Refusals() => new()
    {
        { nameof(TokenReviewStatus.Authenticated), "does not accept the token: expired" },
        { nameof(TokenReviewStatus.Audiences), "for none of the audiences" },
        { nameof(UserInfo.Groups), "is no service account" },
        { nameof(UserInfo.Username), "is no service account" },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public void Anything_else_is_refused_with_a_reason_for_the_log(string what, string reason)
    {
        var review = what switch
        {
            nameof(TokenReviewStatus.Authenticated) => Good with { Authenticated = false, Error = "expired" },
            nameof(TokenReviewStatus.Audiences) => Good with { Audiences = null },
            nameof(UserInfo.Groups) => Good with { User = Good.User! with { Groups = ["system:authenticated"] } },
            _ => Good with { User = Good.User! with { Username = "admin" } },
        };

        Assert.Contains(reason, TokenAuthenticator.Read(review, "cluster.local", ["istio-ca"], out var caller), StringComparison.Ordinal);
        Assert.Null(caller);
    }
}
