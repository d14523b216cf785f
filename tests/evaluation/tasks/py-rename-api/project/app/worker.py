from app import settings


def threads(text):
    return int(settings.load(text).get("threads", "2"))
