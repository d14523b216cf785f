from app.settings import load as read_settings


def title(text):
    return read_settings(text, False).get("title", "Report")
