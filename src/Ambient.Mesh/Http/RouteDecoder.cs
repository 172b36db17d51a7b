using System.Collections.Immutable;
using System.Globalization;
using Ambient.Mesh.Config;
using Way = Ambient.Api.Waypoints;

namespace Ambient.Mesh.Http;

/// <summary>Reads the rules of routes.</summary>
internal static class RouteDecoder
{
    /// <summary>The Gateway API allows 16 filters a rule, VirtualService names no bound; a decision keeps one bit for each.</summary>
    private const int MostMirrors = 32;

    public static HttpRoute Route(Way.Route from)
    {
        if (from.Mirrors.Count > MostMirrors)
        {
            throw new MeshConfigException($"mirrors holds {from.Mirrors.Count} entries; at most {MostMirrors} are taken");
        }

        return new HttpRoute
        {
            Source = from.Source,
            Rule = from.Rule,
            Ports = [.. from.Ports.Select(port => WdsDecoder.Port(port, "ports"))],
            Matches = [.. from.Matches.Select((match, index) =>
                WaypointDecoder.At(string.Create(CultureInfo.InvariantCulture, $"matches[{index}]"), () => Match(match)))],
            Forward = from.ActionCase is Way.Route.ActionOneofCase.Forward or Way.Route.ActionOneofCase.None ? Forward(from.Forward ?? new Way.Forward()) : null,
            Redirect = from.ActionCase == Way.Route.ActionOneofCase.Redirect ? Redirect(from.Redirect) : null,
            Response = from.ActionCase == Way.Route.ActionOneofCase.Response
                ? new ResponseAction(Status(from.Response.Status, "response.status"), from.Response.Body)
                : null,
            RequestHeaders = HeaderChangesDecoder.Decode(from.RequestHeaders, ofRequest: true),
            ResponseHeaders = HeaderChangesDecoder.Decode(from.ResponseHeaders, ofRequest: false),
            Mirrors = [.. from.Mirrors.Select(mirror => new Mirror(
                NullIfEmpty(mirror.Service), WdsDecoder.Port(mirror.Port, "mirrors.port"), NullIfEmpty(mirror.Subset), mirror.Share))],
            Timeout = WaypointDecoder.Time(from.Timeout, "timeout"),
            Retry = from.Retry is null ? RetryPolicy.Default : Retry(from.Retry),
            Fault = from.Fault is null ? null : Fault(from.Fault),
        };
    }

    /// <summary>What stands in an authority or a scheme; null where nothing is set.</summary>
    public static string? Host(string? text, string field) => string.IsNullOrEmpty(text) ? null
        : !text.AsSpan().ContainsAnyExceptInRange('!', '~') && !text.AsSpan().ContainsAny("/?#@\\") ? text
        : throw new MeshConfigException($"{field} is '{text}', which no host may be");

    private static RouteMatch Match(Way.Match from) => new()
    {
        Path = from.Path is null ? null : Path(from.Path, from.IgnoreCase),
        Headers = [.. from.Headers.Select(header => new HeaderMatcher(new HeaderName(Named(header)), Value(header), header.Invert))],
        Query = [.. from.Query.Select(parameter => new QueryMatcher(WireText.Of(Named(parameter)), Value(parameter), parameter.Invert))],
        Method = Text(from.Method, "method"),
        Authority = Text(from.Authority, "authority"),
        Scheme = Text(from.Scheme, "scheme"),
    };

    private static PathMatcher Path(Way.PathMatch from, bool ignoreCase) => from.KindCase switch
    {
        Way.PathMatch.KindOneofCase.Exact => new PathMatcher(PathMatchKind.Exact, from.Exact, ignoreCase),
        Way.PathMatch.KindOneofCase.Segments => new PathMatcher(PathMatchKind.Segments, from.Segments, ignoreCase),
        Way.PathMatch.KindOneofCase.Prefix => new PathMatcher(PathMatchKind.Prefix, from.Prefix, ignoreCase),
        Way.PathMatch.KindOneofCase.Regex => new PathMatcher(PathMatchKind.Regex, from.Regex, ignoreCase),
        _ => throw new MeshConfigException("path holds a match of no known kind; exact, segments, prefix or regex is expected"),
    };

    private static TextMatcher? Text(Way.TextMatch? from, string field) => from?.KindCase switch
    {
        null => null,
        Way.TextMatch.KindOneofCase.Exact => new TextMatcher(TextMatchKind.Exact, from.Exact),
        Way.TextMatch.KindOneofCase.Prefix => new TextMatcher(TextMatchKind.Prefix, from.Prefix),
        Way.TextMatch.KindOneofCase.Regex => new TextMatcher(TextMatchKind.Regex, from.Regex),
        Way.TextMatch.KindOneofCase.Present when from.Present => new TextMatcher(TextMatchKind.Present, ""),
        _ => throw new MeshConfigException($"{field} holds a match of no known kind; exact, prefix, regex or present is expected"),
    };

    private static string Named(Way.NameMatch from) => from.Name.Length > 0
        ? from.Name
        : throw new MeshConfigException("a match of a header or a query parameter has no name");

    private static TextMatcher Value(Way.NameMatch from) => Text(from.Value, from.Name) ?? new TextMatcher(TextMatchKind.Present, "");

    private static ForwardAction Forward(Way.Forward from) => new()
    {
        Backends = [.. from.Backends.Select(backend => new Backend
        {
            Service = NullIfEmpty(backend.Service),
            Port = WdsDecoder.Port(backend.Port, "backends.port"),
            Weight = backend.Weight,
            Subset = NullIfEmpty(backend.Subset),
            RequestHeaders = HeaderChangesDecoder.Decode(backend.RequestHeaders, ofRequest: true),
            ResponseHeaders = HeaderChangesDecoder.Decode(backend.ResponseHeaders, ofRequest: false),
        })],
        TotalWeight = from.Backends.Aggregate(0UL, (sum, backend) => sum + backend.Weight),
        Authority = Host(from.Rewrite?.Authority, "rewrite.authority"),
        Path = from.Rewrite?.PathCase switch
        {
            Way.Rewrite.PathOneofCase.FullPath => new PathChange(Full: true, InTarget(from.Rewrite.FullPath)),
            Way.Rewrite.PathOneofCase.Prefix => new PathChange(Full: false, InTarget(from.Rewrite.Prefix)),
            _ => null,
        },
    };

    private static RedirectAction Redirect(Way.Redirect from) => new()
    {
        Scheme = Host(from.Scheme, "redirect.scheme"),
        Authority = Host(from.Authority, "redirect.authority"),
        Port = WdsDecoder.Port(from.Port, "redirect.port") is var port and not 0 ? port : null,
        Path = from.PathCase switch
        {
            Way.Redirect.PathOneofCase.FullPath => new PathChange(Full: true, InTarget(from.FullPath)),
            Way.Redirect.PathOneofCase.Prefix => new PathChange(Full: false, InTarget(from.Prefix)),
            _ => null,
        },
        Status = from.Status switch
        {
            0 => 302,
            301 or 302 or 303 or 307 or 308 => (int)from.Status,
            _ => throw new MeshConfigException($"redirect.status is {from.Status}; 301, 302, 303, 307 or 308 is expected"),
        },
    };

    private static RetryPolicy Retry(Way.Retry from)
    {
        if (from.Attempts == 0)
        {
            return RetryPolicy.None;
        }

        return new RetryPolicy
        {
            // More tries than this help nobody, and each of them is a request that the upstream has to bear.
            Attempts = (int)Math.Min(from.Attempts, 100),
            PerTryTimeout = WaypointDecoder.Time(from.PerTryTimeout, "retry.per_try_timeout"),
            Backoff = WaypointDecoder.Time(from.Backoff, "retry.backoff") ?? RetryPolicy.Default.Backoff,
            Statuses = [.. from.Statuses.Select(status => (ushort)Status(status, "retry.statuses"))],
            Conditions = from.Conditions.Count == 0
                ? RetryPolicy.DefaultConditions
                : from.Conditions.Aggregate(RetryConditions.None, (all, condition) => all | Condition(condition)),
        };
    }

    private static RetryConditions Condition(string name) => RetryWords.TryParse(name, out var condition)
        ? condition
        : throw new MeshConfigException($"retry.conditions holds '{name}', which is not known");

    private static FaultPolicy Fault(Way.Fault from) => new()
    {
        Delay = WaypointDecoder.Time(from.Delay, "fault.delay") ?? TimeSpan.Zero,
        DelayShare = from.DelayShare,
        AbortStatus = from.AbortStatus == 0 ? 0 : Status(from.AbortStatus, "fault.abort_status"),
        AbortGrpcStatus = from.AbortGrpcStatus switch
        {
            0 => null,
            // The codes of gRPC end at 16.
            <= 17 => (int)from.AbortGrpcStatus - 1,
            _ => throw new MeshConfigException($"fault.abort_grpc_status is {from.AbortGrpcStatus}; a code from 0 to 16, plus one, is expected"),
        },
        AbortShare = from.AbortStatus == 0 && from.AbortGrpcStatus == 0 ? 0 : from.AbortShare,
    };

    private static int Status(uint status, string field) => status is >= 200 and <= 599
        ? (int)status
        : throw new MeshConfigException($"{field} is {status}; a status from 200 to 599 is expected");

    /// <summary>What stands in a request's target: what is not ASCII goes percent-encoded, and white space would end it.</summary>
    private static string InTarget(string text)
    {
        if (text.AsSpan().ContainsAny(' ', '#') || text.AsSpan().ContainsAnyInRange('\0', '\u001f') || text.Contains('\u007f', StringComparison.Ordinal))
        {
            throw new MeshConfigException($"the path '{text}' has characters that no request's target may have");
        }

        return string.Concat(text.EnumerateRunes().Select(rune => rune.IsAscii ? rune.ToString() : Uri.EscapeDataString(rune.ToString())));
    }

    private static string? NullIfEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;
}
