from jidoka.llm.small_model.driver import compact, expand

__all__ = ["compact", "expand"]
