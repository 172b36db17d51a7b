using System.Text.Json.Nodes;

namespace Ambient.ApiServer;

/// <summary>A request that ends in a Status object.</summary>
internal sealed class ApiException(int code, string reason, string message, JsonObject? details = null, int? retryAfterSeconds = null)
    : Exception(message)
{
    public int Code => code;

    public string Reason => reason;

    public int? RetryAfterSeconds => retryAfterSeconds;

    public JsonObject ToStatus()
    {
        var status = new JsonObject
        {
            ["kind"] = "Status",
            ["apiVersion"] = "v1",
            ["metadata"] = new JsonObject(),
            ["status"] = "Failure",
            ["message"] = Message,
            ["reason"] = reason,
        };
        if (details is not null)
        {
            status["details"] = details.DeepClone();
        }

        status["code"] = code;
        return status;
    }
}

/// <summary>One reason why an object is not valid.</summary>
/// <param name="Reason">E.g. <c>FieldValueRequired</c>.</param>
/// <param name="Field">The path.</param>
/// <param name="Message">The sentence.</param>
internal sealed record Cause(string Reason, string Field, string Message)
{
    public static Cause Required(string field, string? detail = null) =>
        new("FieldValueRequired", field, detail is null ? "Required value" : $"Required value: {detail}");

    public static Cause Invalid(string field, JsonNode? value, string detail) =>
        new("FieldValueInvalid", field, $"Invalid value: {Text(value)}: {detail}");

    public static Cause Forbidden(string field, string detail) => new("FieldValueForbidden", field, $"Forbidden: {detail}");

    public static Cause Duplicate(string field, JsonNode? value) => new("FieldValueDuplicate", field, $"Duplicate value: {Text(value)}");

    public static Cause NotSupported(string field, JsonNode? value, IEnumerable<string> supported) =>
        new("FieldValueNotSupported", field, $"Unsupported value: {Text(value)}: supported values: {string.Join(", ", supported.Select(item => $"\"{item}\""))}");

    private static string Text(JsonNode? value) => value is null ? "null" : Json.Text(value);
}

/// <summary>The refusals of the API, in the words that its clients know.</summary>
internal static class Refusal
{
    public static ApiException BadRequest(string message) => new(400, "BadRequest", message);

    public static ApiException Unauthorized() => new(401, "Unauthorized", "Unauthorized");

    public static ApiException NotFound(string group, string plural, string name) =>
        new(404, "NotFound", $"{Qualified(plural, group)} \"{name}\" not found", Details(name, group, plural));

    public static ApiException AlreadyExists(string group, string plural, string name) =>
        new(409, "AlreadyExists", $"{Qualified(plural, group)} \"{name}\" already exists", Details(name, group, plural));

    public static ApiException Conflict(string group, string plural, string name, string why) =>
        new(409, "Conflict", $"Operation cannot be fulfilled on {Qualified(plural, group)} \"{name}\": {why}", Details(name, group, plural));

    public static ApiException StaleVersion(string group, string plural, string name) =>
        Conflict(group, plural, name, "the object has been modified; please apply your changes to the latest version and try again");

    public static ApiException MethodNotAllowed() =>
        new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", []);

    public static ApiException Expired(string message) => new(410, "Expired", message);

    public static ApiException UnsupportedMediaType(params string[] accepted) =>
        new(415, "UnsupportedMediaType", $"the body of the request was in an unknown format - accepted media types include: {string.Join(", ", accepted)}");

    public static ApiException NotAcceptable() =>
        new(406, "NotAcceptable", "only the following media types are accepted: application/json, application/yaml");

    public static ApiException TooLarge(int limit) =>
        new(413, "RequestEntityTooLarge", $"Request entity too large: limit is {limit}");

    public static ApiException Invalid(string group, string kind, string name, params IReadOnlyList<Cause> causes)
    {
        var details = Details(name, group, kind);
        details["causes"] = new JsonArray([.. causes.Select(cause => (JsonNode)new JsonObject
        {
            ["reason"] = cause.Reason,
            ["message"] = cause.Message,
            ["field"] = cause.Field,
        })]);
        var sentences = causes.Select(cause => $"{cause.Field}: {cause.Message}").ToList();
        var list = sentences.Count == 1 ? sentences[0] : $"[{string.Join(", ", sentences)}]";
        return new(422, "Invalid", $"{Qualified(kind, group)} \"{name}\" is invalid: {list}", details);
    }

    /// <summary><c>name</c>, <c>group</c> and <c>kind</c>, each only when it is not empty.</summary>
    public static JsonObject Details(string name, string group, string kind)
    {
        var details = new JsonObject();
        foreach (var (field, value) in new[] { ("name", name), ("group", group), ("kind", kind) })
        {
            if (value.Length > 0)
            {
                details[field] = value;
            }
        }

        return details;
    }

    private static string Qualified(string name, string group) => group.Length == 0 ? name : $"{name}.{group}";
}
