using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Ambient.ApiServer.Rules;

/// <summary>An expression cannot be evaluated on these values.</summary>
internal sealed class CelException(string message) : Exception(message);

/// <summary>
/// Evaluates expressions over JSON. Numbers are doubles, which hold every integer of a resource exactly; maps and lists are
/// JSON. Work is bounded by a budget, as the real server bounds cost.
/// </summary>
internal sealed class CelEvaluator
{
    /// <summary>Steps of one rule on one value: lists of the longest allowed kind times a handful of operations.</summary>
    private const int MostSteps = 1_000_000;

    /// <summary>A pattern of a rule must not hold the server up.</summary>
    private static readonly TimeSpan PatternTimeout = TimeSpan.FromMilliseconds(250);

    private readonly Dictionary<string, object?> _names;
    private int _steps;

    public CelEvaluator(Dictionary<string, object?> names) => _names = names;

    public object? Evaluate(CelNode node)
    {
        if (++_steps > MostSteps)
        {
            throw new CelException("the rule costs too much on this value");
        }

        return node switch
        {
            CelLiteral literal => literal.Value,
            CelName name => _names.TryGetValue(name.Name, out var value) ? value : throw new CelException($"undeclared reference to '{name.Name}'"),
            CelField field => Field(Evaluate(field.Of), field.Name),
            CelIndex index => Index(Evaluate(index.Of), Evaluate(index.At)),
            CelChoice choice => Evaluate(Truth(choice.Condition) ? choice.Yes : choice.No),
            CelList list => new JsonArray([.. list.Items.Select(item => ToJson(Evaluate(item)))]),
            CelMap map => new JsonObject(map.Entries.Select(entry => KeyValuePair.Create(
                Evaluate(entry.Key)?.ToString() ?? "", ToJson(Evaluate(entry.Value))))),
            CelOperation operation => Operate(operation),
            CelCall call => Call(call),
            _ => throw new CelException("unknown expression"),
        };
    }

    /// <summary>JSON as the evaluator's values.</summary>
    public static object? FromJson(JsonNode? node)
    {
        // Not one switch expression: its texts and numbers would turn back into JSON nodes by themselves.
        if (node is not JsonValue value)
        {
            return node;
        }

        switch (value.GetValueKind())
        {
            case JsonValueKind.String:
                return value.GetValue<string>();
            case JsonValueKind.True:
                return true;
            case JsonValueKind.False:
                return false;
            case JsonValueKind.Number:
                return Json.AsDouble(value);
            default:
                return null;
        }
    }

    private static JsonNode? ToJson(object? value) => value switch
    {
        null => null,
        string text => text,
        bool flag => flag,
        double number => number,
        JsonNode node => node.DeepClone(),
        _ => throw new CelException("a value has no place in JSON"),
    };

    private bool Truth(CelNode node) => Evaluate(node) is bool flag ? flag : throw new CelException("expected a boolean");

    private static object? Field(object? of, string name) => of is JsonObject body && body.ContainsKey(name)
        ? FromJson(body[name])
        : throw new CelException($"no such key: {name}");

    private static object? Index(object? of, object? at) => (of, at) switch
    {
        (JsonObject body, string name) => Field(body, name),
        (JsonArray array, double index) when index >= 0 && index < array.Count => FromJson(array[(int)index]),
        (JsonArray, double index) => throw new CelException($"index out of bounds: {index}"),
        _ => throw new CelException("no such overload of []"),
    };

    private object? Operate(CelOperation operation)
    {
        switch (operation.Operator)
        {
            case "!":
                return !Truth(operation.Left);
            case "-" when operation.Right is null:
                return -Number(Evaluate(operation.Left));
            case "&&":
                return And(operation.Left, operation.Right!);
            case "||":
                return !And(new CelOperation("!", operation.Left, null), new CelOperation("!", operation.Right!, null));
        }

        var left = Evaluate(operation.Left);
        var right = Evaluate(operation.Right!);
        return operation.Operator switch
        {
            "==" => Same(left, right),
            "!=" => !Same(left, right),
            "in" => right switch
            {
                JsonArray array => array.Any(item => Same(FromJson(item), left)),
                JsonObject body => left is string name && body.ContainsKey(name),
                _ => throw new CelException("no such overload of in"),
            },
            "<" => Order(left, right) < 0,
            "<=" => Order(left, right) <= 0,
            ">" => Order(left, right) > 0,
            ">=" => Order(left, right) >= 0,
            "+" => Add(left, right),
            "-" => Number(left) - Number(right),
            "*" => Number(left) * Number(right),
            "/" => Number(right) == 0 ? throw new CelException("division by zero") : Math.Truncate(Number(left) / Number(right)),
            "%" => Number(right) == 0 ? throw new CelException("modulus by zero") : Number(left) % Number(right),
            _ => throw new CelException($"unknown operator {operation.Operator}"),
        };
    }

    /// <summary>False wins over an error on either side, as the language has it.</summary>
    private bool And(CelNode left, CelNode right)
    {
        try
        {
            return Truth(left) && Truth(right);
        }
        catch (CelException)
        {
            if (!Truth(right))
            {
                return false;
            }

            throw;
        }
    }

    private static bool Same(object? left, object? right) => (left, right) switch
    {
        (JsonNode a, JsonNode b) => JsonNode.DeepEquals(a, b),
        _ => Equals(left, right),
    };

    private static int Order(object? left, object? right) => (left, right) switch
    {
        (double a, double b) => a.CompareTo(b),
        (string a, string b) => string.CompareOrdinal(a, b),
        (bool a, bool b) => a.CompareTo(b),
        _ => throw new CelException("no such overload of a comparison"),
    };

    private static object Add(object? left, object? right) => (left, right) switch
    {
        (double a, double b) => a + b,
        (string a, string b) => a + b,
        (JsonArray a, JsonArray b) => new JsonArray([.. a.Concat(b).Select(item => item?.DeepClone())]),
        _ => throw new CelException("no such overload of +"),
    };

    private static double Number(object? value) => value is double number ? number : throw new CelException("expected a number");

    private static string Text(object? value) => value is string text ? text : throw new CelException("expected a string");

    private object? Call(CelCall call)
    {
        if (call.Of is null)
        {
            return Function(call);
        }

        if (call is { Name: "all" or "exists" or "exists_one" or "filter" or "map", Arguments: [CelName variable, ..] })
        {
            return Macro(call, variable.Name);
        }

        var of = Evaluate(call.Of);
        var arguments = call.Arguments.Select(Evaluate).ToList();
        return (call.Name, arguments) switch
        {
            ("size", []) => Size(of),
            ("startsWith", [string text]) => Text(of).StartsWith(text, StringComparison.Ordinal),
            ("endsWith", [string text]) => Text(of).EndsWith(text, StringComparison.Ordinal),
            ("contains", [string text]) => Text(of).Contains(text, StringComparison.Ordinal),
            ("matches", [string pattern]) => Matches(Text(of), pattern),
            ("lowerAscii", []) => Text(of).ToLowerInvariant(),
            ("upperAscii", []) => Text(of).ToUpperInvariant(),
            ("trim", []) => Text(of).Trim(),
            ("split", [string separator]) => new JsonArray([.. Text(of).Split(separator).Select(part => (JsonNode)part)]),
            ("indexOf", [string text]) => (double)Text(of).IndexOf(text, StringComparison.Ordinal),
            ("substring", [double start]) => Text(of)[(int)start..],
            ("substring", [double start, double end]) => Text(of)[(int)start..(int)end],
            _ => throw new CelException($"no such method: {call.Name}"),
        };
    }

    private object? Function(CelCall call)
    {
        if (call is { Name: "has", Arguments: [CelField field] })
        {
            return Evaluate(field.Of) is JsonObject body && body.ContainsKey(field.Name);
        }

        var arguments = call.Arguments.Select(Evaluate).ToList();
        return (call.Name, arguments) switch
        {
            ("size", [var of]) => Size(of),
            ("matches", [string text, string pattern]) => Matches(text, pattern),
            ("int" or "uint" or "double", [double number]) => call.Name == "double" ? number : Math.Truncate(number),
            ("int" or "uint" or "double", [string text]) => double.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, out var number)
                ? number
                : throw new CelException($"type conversion error of '{text}'"),
            ("string", [var value]) => value switch { string text => text, bool flag => flag ? "true" : "false", _ => Json.Text(ToJson(value)!) },
            ("duration", [string text]) => Duration(text),
            ("isURL", [string text]) => Uri.TryCreate(text, UriKind.Absolute, out _),
            ("type", [var value]) => value?.GetType().Name ?? "null",
            ("dyn", [var value]) => value,
            ("isIP", [string text]) => System.Net.IPAddress.TryParse(text, out _),
            ("isCIDR", [string text]) => System.Net.IPNetwork.TryParse(text, out _),
            _ => throw new CelException($"no such function: {call.Name}"),
        };
    }

    private static object Size(object? of) => of switch
    {
        string text => (double)text.EnumerateRunes().Count(),
        JsonArray array => (double)array.Count,
        JsonObject body => (double)body.Count,
        _ => throw new CelException("no such overload of size"),
    };

    /// <summary>In milliseconds, of numbers with units one after the other.</summary>
    private static double Duration(string text)
    {
        const string Part = @"([0-9]*\.?[0-9]+|[0-9]+\.)(h|ms|m|s|us|µs|ns)";
        var sign = text.StartsWith('-') ? -1 : 1;
        var unsigned = text.TrimStart('+', '-');
        if (!Regex.IsMatch(unsigned, $@"\A(0|({Part})+)\z", RegexOptions.CultureInvariant, PatternTimeout))
        {
            throw new CelException($"type conversion error of '{text}' to a duration");
        }

        return sign * Regex.Matches(unsigned, Part, RegexOptions.CultureInvariant, PatternTimeout).Sum(part =>
            double.Parse(part.Groups[1].ValueSpan, System.Globalization.CultureInfo.InvariantCulture) * part.Groups[2].Value switch
            {
                "h" => 3_600_000d,
                "m" => 60_000d,
                "s" => 1000d,
                "ms" => 1d,
                "ns" => 0.000001,
                _ => 0.001,
            });
    }

    private static bool Matches(string text, string pattern)
    {
        try
        {
            return Regex.IsMatch(text, pattern, RegexOptions.CultureInvariant, PatternTimeout);
        }
        catch (Exception error) when (error is ArgumentException or RegexMatchTimeoutException)
        {
            throw new CelException($"cannot match {pattern}: {error.Message}");
        }
    }

    private object? Macro(CelCall call, string variable)
    {
        var items = Evaluate(call.Of!) switch
        {
            JsonArray array => array.Select(FromJson).ToList(),
            JsonObject body => body.Select(entry => (object?)entry.Key).ToList(),
            _ => throw new CelException($"no such overload of {call.Name}"),
        };
        var shadowed = _names.TryGetValue(variable, out var outer);
        try
        {
            bool Test(object? item, CelNode node)
            {
                _names[variable] = item;
                return Truth(node);
            }

            object? Value(object? item, CelNode node)
            {
                _names[variable] = item;
                return Evaluate(node);
            }

            return (call.Name, call.Arguments) switch
            {
                ("all", [_, var test]) => items.TrueForAll(item => Test(item, test)),
                ("exists", [_, var test]) => items.Exists(item => Test(item, test)),
                ("exists_one", [_, var test]) => items.Count(item => Test(item, test)) == 1,
                ("filter", [_, var test]) => new JsonArray([.. items.Where(item => Test(item, test)).Select(ToJson)]),
                ("map", [_, var value]) => new JsonArray([.. items.Select(item => ToJson(Value(item, value)))]),
                ("map", [_, var test, var value]) => new JsonArray([.. items.Where(item => Test(item, test)).Select(item => ToJson(Value(item, value)))]),
                _ => throw new CelException($"no such macro: {call.Name}"),
            };
        }
        finally
        {
            _names.Remove(variable);
            if (shadowed)
            {
                _names[variable] = outer;
            }
        }
    }
}
