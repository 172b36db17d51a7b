using System.Text;
using Ambient.Mesh.Explanation;
using Ambient.Telemetry.Servers;

namespace Ambient.Proxy;

/// <summary>The admin page by which a proxy says what it would do with a connection or a request, from what it knows at this moment.</summary>
public static class ExplainPage
{
    /// <summary>Its path.</summary>
    public const string Path = "/explain";

    /// <summary>What the list of pages says about it.</summary>
    public const string Description = "what this proxy would do with a connection: ?hop=outbound&client=ADDRESS&destination=ADDRESS:PORT; see 'ambientctl explain'";

    /// <summary>Answers with JSON, or with 400 and what is wrong with the question.</summary>
    public static Task AnswerAsync(PageContext context, Func<HopQuestion, HopAnswer> explain)
    {
        HopAnswer answer;
        try
        {
            answer = explain(HopQuestion.Parse(context.Query));
        }
        catch (FormatException wrong)
        {
            return context.AnswerAsync(400, wrong.Message + "\n");
        }

        return context.AnswerAsync(200, Encoding.UTF8.GetString(answer.ToJson()) + "\n", "application/json");
    }
}
