using System.Text.Json.Nodes;
using Ambient.ApiServer.Rules;

namespace Ambient.ApiServer.Schemas;

/// <summary>Checks a custom resource: its structure, then the rules of <c>x-kubernetes-validations</c>.</summary>
internal static class CustomValidation
{
    /// <summary>Rules are not evaluated on values that are this far from valid.</summary>
    private static readonly string[] Blocking =
        ["FieldValueNotSupported", "FieldValueRequired", "FieldValueTooLong", "FieldValueTooMany", "FieldValueTypeInvalid"];

    public static List<Cause> Validate(JsonObject body, JsonObject? old, Schema schema)
    {
        var causes = Validator.Validate(body, schema);
        if (!HasRules(schema))
        {
            return causes;
        }

        if (causes.Exists(cause => Blocking.Contains(cause.Reason)))
        {
            causes.Add(Cause.Invalid(
                "<nil>", null,
                "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation"));
            return causes;
        }

        Check(body, old, schema, "", causes);
        return causes;
    }

    private static bool HasRules(Schema schema) =>
        schema.Rules.Validations.Count > 0
        || schema.Fields.Values.Any(field => HasRules(field.Schema))
        || (schema.Items is { } items && HasRules(items))
        || (schema.Values is { } values && HasRules(values));

    private static void Check(JsonNode? value, JsonNode? old, Schema schema, string path, List<Cause> causes)
    {
        if (value is null)
        {
            return;
        }

        foreach (var rule in schema.Rules.Validations)
        {
            if (Problem(rule, value, old) is { } problem)
            {
                var shown = value is JsonValue ? Json.Text(value) : value is JsonObject ? "\"object\"" : "\"array\"";
                var field = rule.FieldPath is { } inner ? path + inner : path;
                causes.Add(new(rule.Reason ?? "FieldValueInvalid", field, $"Invalid value: {shown}: {problem}"));
            }
        }

        switch (value)
        {
            case JsonObject body:
                foreach (var (name, child) in body)
                {
                    if (schema.Fields.TryGetValue(name, out var field))
                    {
                        Check(child, old.At(name), field.Schema, path.Length == 0 ? name : $"{path}.{name}", causes);
                    }
                    else if (schema.Values is { } values)
                    {
                        Check(child, old.At(name), values, $"{path}[{name}]", causes);
                    }
                }

                break;
            case JsonArray array when schema.Items is { } items:
                for (var index = 0; index < array.Count; index++)
                {
                    Check(array[index], null, items, $"{path}[{index}]", causes);
                }

                break;
        }
    }

    /// <summary>Why a rule does not hold; null when it does, or compares with a state that there was not.</summary>
    private static string? Problem(ValidationRule rule, JsonNode value, JsonNode? old)
    {
        var names = new Dictionary<string, object?>(StringComparer.Ordinal) { ["self"] = CelEvaluator.FromJson(value) };
        if (rule.Rule.Contains("oldSelf", StringComparison.Ordinal))
        {
            if (old is null)
            {
                return null;
            }

            names["oldSelf"] = CelEvaluator.FromJson(old);
        }

        try
        {
            return new CelEvaluator(names).Evaluate(CelParser.Parse(rule.Rule)) is true
                ? null
                : rule.Message ?? $"failed rule: {rule.Rule.Trim()}";
        }
        catch (CelException error)
        {
            return $"rule evaluation error: {error.Message}";
        }
    }
}
