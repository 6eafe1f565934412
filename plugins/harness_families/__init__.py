"""Bundled plugins: the networks of whole libraries by their names there, under shared strategies.

A module ``<family>_plugin`` describes a family, ``<family>_names`` resolves its names, and
``<family>_models`` builds its networks.
"""
