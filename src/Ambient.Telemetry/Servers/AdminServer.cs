using System.Net;
using System.Text;
using Ambient.Telemetry.Logging;
using Microsoft.Extensions.Logging;

namespace Ambient.Telemetry.Servers;

/// <summary>The server for people and tools on the machine itself, port 15000: an index at <c>/</c>, <c>/logging</c>, and what is added.</summary>
public static class AdminServer
{
    private const string Usage =
        "usage: POST /logging\t\t\t\t(lists the filter)\n"
        + "usage: POST /logging?level=<level>\t\t(for everything)\n"
        + "usage: POST /logging?level=<scope>=<level>,…\t(for scopes)\n"
        + "usage: POST /logging?reset\t\t\t(back to the filter of the start; with level: then change it)\n"
        + "levels: " + LogLevels.Names + "\n";

    /// <summary>A server that does not listen yet; add pages with <see cref="PageServer.Get"/> and <see cref="PageServer.Post"/>.</summary>
    public static PageServer Create(string title, LogOutput logs, ListenAddress address)
    {
        var server = new PageServer("admin", address, logs.Factory);
        var logger = logs.Factory.CreateLogger("admin");
        server.Get("/", "this list", context => AnswerIndexAsync(context, title, server));
        server.Post("/logging", "list or change the log filter: ?level=info,xds=debug or ?reset", context => AnswerLoggingAsync(context, logs, logger));
        return server;
    }

    private static async Task AnswerIndexAsync(PageContext context, string title, PageServer server)
    {
        var html = new StringBuilder("<!DOCTYPE html><html><head><meta charset=\"utf-8\"><title>").Append(WebUtility.HtmlEncode(title))
            .Append("</title></head><body><h1>").Append(WebUtility.HtmlEncode(title)).Append("</h1><table>");
        foreach (var (path, page) in server.Pages)
        {
            var name = WebUtility.HtmlEncode(path);
            html.Append("<tr><td>").Append(page.Methods[0]).Append("</td><td>")
                .Append(page.Methods[0] == "GET" ? $"<a href=\"{name}\">{name}</a>" : name)
                .Append("</td><td>").Append(WebUtility.HtmlEncode(page.Description)).Append("</td></tr>");
        }

        await PageServer.AnswerAsync(context, 200, html.Append("</table></body></html>\n").ToString(), "text/html; charset=utf-8");
    }

    private static Task AnswerLoggingAsync(PageContext context, LogOutput logs, ILogger logger)
    {
        var unknown = context.Query.FirstOrDefault(parameter => parameter.Key is not ("level" or "reset")).Key;
        if (unknown is not null)
        {
            return PageServer.AnswerAsync(context, 400, $"unknown parameter {unknown}\n{Usage}");
        }

        var level = string.Join(',', context.Query.Where(parameter => parameter.Key == "level").Select(parameter => parameter.Value));
        try
        {
            var filter = context.Query.Any(parameter => parameter.Key == "reset") ? logs.InitialFilter : logs.Filter;
            filter = level.Length == 0 ? filter : filter.With(level);
            if (!ReferenceEquals(filter, logs.Filter))
            {
                logs.Filter = filter;
                Log.FilterChanged(logger, filter.ToString());
            }
        }
        catch (FormatException wrong)
        {
            return PageServer.AnswerAsync(context, 400, $"{wrong.Message}\n{Usage}");
        }

        return PageServer.AnswerAsync(context, 200, $"current log level is {logs.Filter}\n");
    }
}
