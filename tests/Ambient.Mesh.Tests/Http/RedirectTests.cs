using Ambient.Mesh.Http;

namespace Ambient.Mesh.Tests.Http;

/// <summary>Where redirects and rewrites lead, by the Gateway API's tables (HTTPPathModifier, HTTPRequestRedirectFilter).</summary>
public sealed class RedirectTests
{
    [Theory]
    [InlineData("/foo/bar", "/foo", "/xyz", "/xyz/bar")]
    [InlineData("/foo/bar", "/foo", "/xyz/", "/xyz/bar")]
    [InlineData("/foo/bar", "/foo/", "/xyz", "/xyz/bar")]
    [InlineData("/foo/bar", "/foo/", "/xyz/", "/xyz/bar")]
    [InlineData("/foo", "/foo", "/xyz", "/xyz")]
    [InlineData("/foo/", "/foo", "/xyz", "/xyz/")]
    [InlineData("/foo/bar", "/foo", "", "/bar")]
    [InlineData("/foo/", "/foo", "", "/")]
    [InlineData("/foo", "/foo", "", "/")]
    [InlineData("/foo/", "/foo", "/", "/")]
    [InlineData("/foo", "/foo", "/", "/")]
    [InlineData("/foo/bar?a=b", "/foo", "/xyz", "/xyz/bar?a=b")]
    [InlineData("/a/b", "/", "/xyz", "/xyz/a/b")]
    [InlineData("/", "/", "/xyz", "/xyz/")]
    public void What_segments_matched_is_replaced(string target, string segments, string value, string expected)
    {
        var scene = Scene.Route($$$"""matches: [{path: {segments: "{{{segments}}}"}}], forward: {backends: [{service: "shop/b", weight: 1}], rewrite: {prefix: "{{{value}}}"}}""");
        Assert.Equal(expected, scene.Decide(new Request($"GET {target}")).Target);

        var redirect = Scene.Route($$$"""matches: [{path: {segments: "{{{segments}}}"}}], redirect: {prefix: "{{{value}}}"}""");
        Assert.Equal("http://shop.example" + expected, redirect.Decide(new Request($"GET {target}")).Location);
    }

    [Theory]
    [InlineData("prefix: \"/foo\"", "/foobar", "prefix: \"/xyz\"", "/xyzbar")]
    [InlineData("prefix: \"/foo/\"", "/foo/bar", "prefix: \"/\"", "/bar")]
    [InlineData("exact: \"/foo\"", "/foo?q", "prefix: \"/xyz\"", "/xyz?q")]
    [InlineData("regex: \"/f.*\"", "/foo/bar", "prefix: \"/xyz\"", "/xyz")]
    [InlineData("prefix: \"/foo\"", "/foobar?a=b", "fullPath: \"/full\"", "/full?a=b")]
    [InlineData("prefix: \"/foo\"", "/foobar?a=b", "fullPath: \"/full?c=d\"", "/full?c=d")]
    [InlineData("prefix: \"/foo\"", "/foobar", "fullPath: \"full\"", "/full")]
    [InlineData("prefix: \"/foo\"", "/foobar", "fullPath: \"/café/😀\"", "/caf%C3%A9/%F0%9F%98%80")]
    public void Other_matches_are_rewritten_by_characters_or_whole(string match, string target, string rewrite, string expected)
    {
        var scene = Scene.Route($$"""matches: [{path: { {{match}} } }], forward: {backends: [{service: "shop/b", weight: 1}], rewrite: { {{rewrite}} } }""");
        Assert.Equal(expected, scene.Decide(new Request($"GET {target}")).Target);
    }

    [Theory]
    [InlineData("", "http", "shop.example", 80, "http://shop.example/a?q")]
    [InlineData("", "http", "shop.example:80", 80, "http://shop.example/a?q")]
    [InlineData("", "http", "shop.example:8080", 8080, "http://shop.example:8080/a?q")]
    [InlineData("", "http", "shop.example", 8080, "http://shop.example:8080/a?q")]
    [InlineData("scheme: https", "http", "shop.example:8080", 8080, "https://shop.example/a?q")]
    [InlineData("scheme: http", "https", "shop.example:443", 443, "http://shop.example/a?q")]
    [InlineData("scheme: https, port: 8443", "http", "shop.example", 80, "https://shop.example:8443/a?q")]
    [InlineData("scheme: https, port: 443", "http", "shop.example", 80, "https://shop.example/a?q")]
    [InlineData("scheme: https, port: 80", "http", "shop.example", 80, "https://shop.example:80/a?q")]
    [InlineData("port: 8083", "http", "shop.example", 80, "http://shop.example:8083/a?q")]
    [InlineData("port: 80", "http", "shop.example:8080", 8080, "http://shop.example/a?q")]
    [InlineData("authority: \"other.example\"", "http", "shop.example", 80, "http://other.example/a?q")]
    [InlineData("authority: \"other.example\"", "http", "shop.example:8080", 8080, "http://other.example:8080/a?q")]
    [InlineData("authority: \"other.example:81\"", "http", "shop.example:8080", 8080, "http://other.example:81/a?q")]
    [InlineData("authority: \"other.example\", scheme: https", "http", "shop.example:8080", 8080, "https://other.example/a?q")]
    [InlineData("", "http", "[2001:db8::1]:8080", 8080, "http://[2001:db8::1]:8080/a?q")]
    [InlineData("port: 80", "http", "[2001:db8::1]", 8080, "http://[2001:db8::1]/a?q")]
    public void Scheme_host_and_port_follow_the_rules_of_the_Gateway_API(string redirect, string scheme, string host, int port, string location)
    {
        var scene = Scene.Route($$"""redirect: { {{redirect}} }""");
        var decision = scene.Decide(new Request("GET /a?q", $"host: {host}") { Scheme = scheme, Port = port });
        Assert.Equal((RouteOutcome.Redirect, 302, location), (decision.Outcome, decision.Status, decision.Location));
    }
}
