using System.Text;
using Ambient.Http.Paths;
using FsCheck;
using FsCheck.Fluent;

namespace Ambient.Http.Tests.Paths;

public sealed class PathNormalizationTests
{
    [Theory]
    [InlineData("/", "/")]
    [InlineData("/a/b.html", "/a/b.html")]
    [InlineData("/a/../b", "/b")]
    [InlineData("/a/./b", "/a/b")]
    [InlineData("/a/b/..", "/a/")]
    [InlineData("/a/b/.", "/a/b/")]
    [InlineData("/..", "/")]
    [InlineData("/../../a", "/a")]
    [InlineData("//a//b", "//a//b")]
    [InlineData("/x//../admin", "/x/admin")]
    [InlineData("/%2E%2e/a", "/a")]
    [InlineData("/a/.%2e/b", "/b")]
    [InlineData("/a/..%2fb", "/a/..%2fb")]
    [InlineData("/a/%2e%2e%2fb", "/a/..%2fb")]
    [InlineData("/a%5cb", "/a%5cb")]
    [InlineData("/a\\..\\b", "/b")]
    [InlineData("/a/..;/b", "/b")]
    [InlineData("/a/..;x=1/b", "/b")]
    [InlineData("/a/.;x/b", "/a/b")]
    [InlineData("/a/...", "/a/...")]
    [InlineData("/a/.b", "/a/.b")]
    [InlineData("/.well-known/x", "/.well-known/x")]
    [InlineData("/;/admin", "/;/admin")]
    [InlineData("/%61dmin", "/admin")]
    [InlineData("/%7euser", "/~user")]
    [InlineData("/%252e%252e/b", "/%252e%252e/b")]
    [InlineData("/%zz", "/%zz")]
    [InlineData("/%", "/%")]
    [InlineData("/%2", "/%2")]
    [InlineData("/a%20b%C3%A9", "/a%20b%C3%A9")]
    public void A_path_has_one_spelling(string path, string expected) => Assert.Equal(expected, Normalize(path));

    [Theory]
    [InlineData("")]
    [InlineData("a")]
    [InlineData("/%00")]
    [InlineData("/a%00b")]
    [InlineData("/a#b")]
    [InlineData("/a b")]
    [InlineData("/caf\u00e9")]
    [InlineData("/%%32e")]
    [InlineData("/%%30%30")]
    [InlineData("/%2%65")]
    public void What_has_no_safe_reading_is_refused(string path) => Assert.Null(Normalize(path));

    [Fact]
    public void A_normal_path_stays_and_holds_nothing_that_a_server_would_resolve() =>
        Prop.ForAll(Arb.From(Spellings), path =>
        {
            if (Normalize(path) is not { } normal)
            {
                return true;
            }

            var segments = normal.Split('/').Select(segment => segment.Split(';')[0]);
            return Normalize(normal) == normal && normal[0] == '/' && !segments.Any(segment => segment is "." or "..") && !normal.Contains('\\')
                && !normal.Contains("%2e", StringComparison.OrdinalIgnoreCase) && !normal.Contains("%61", StringComparison.Ordinal);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(5_000));

    /// <summary>Whatever stands before it and however it is spelled, a path that leads to the secret is the secret's.</summary>
    [Fact]
    public void No_detour_hides_where_a_path_leads() =>
        Prop.ForAll(Arb.From(Detours), detour => Normalize(detour + "admin") == "/admin")
            .Check(Config.QuickThrowOnFailure.WithMaxTest(2_000));

    private static Gen<string> Spellings =>
        from pieces in Gen.Elements("/", "a", ".", "..", "%2e", "%2E", "%", "2", "e", "%61", ";", "\\", "%2f", "%5c", "x", "%zz", "6", "1").ListOf()
        select "/" + string.Concat(pieces);

    /// <summary>Steps that cancel each other out.</summary>
    private static Gen<string> Detours =>
        from steps in (from name in Gen.Elements("x", "a.b", "%78", "y;z", "%2f")
                       from up in Gen.Elements("..", "%2e%2e", ".%2E", "..;", "..;v=1", "%2e.;%3b")
                       from slash in Gen.Elements("/", "\\")
                       from here in Gen.Elements("", "./", "%2e/", ".;q/")
                       select $"{here}{name}{slash}{up}{slash}").ListOf()
        select "/" + string.Concat(steps);

    private static string? Normalize(string path)
    {
        var bytes = Encoding.Latin1.GetBytes(path);
        var normal = new byte[bytes.Length];
        return PathNormalization.TryNormalize(bytes, normal, out var length) ? Encoding.Latin1.GetString(normal, 0, length) : null;
    }
}
